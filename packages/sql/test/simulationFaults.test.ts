import { SimulationSuite } from "@runlease/testkit"
import * as AlternatingPorts from "./AlternatingPorts.js"

SimulationSuite.faults(
  "two control planes on one SQLite file",
  { store: AlternatingPorts.layerSqlite, turnsOfLoop: true },
  { "lease-after-undo": { seed: 6, breaks: "store-answers" } },
)
