import { SimulationSuite } from "@runlease/testkit"
import { SqlControlPlane } from "../src/index.js"
import * as Searches from "../../testkit/test/Searches.js"

SimulationSuite.suite(
  "SQLite",
  { store: SqlControlPlane.layerSqlite({ filename: ":memory:" }), turnsOfLoop: true },
  Searches.simulated("SQLite", 60),
)
