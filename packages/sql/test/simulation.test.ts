import { SimulationSuite } from "@runlease/testkit"
import { SqlControlPlane } from "../src/index.js"

SimulationSuite.suite(
  "SQLite",
  { store: SqlControlPlane.layerSqlite({ filename: ":memory:" }), turnsOfLoop: true },
  { seeds: 60 },
)
