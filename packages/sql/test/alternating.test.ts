import { PropertySuite } from "@runlease/testkit"
import * as AlternatingPorts from "./AlternatingPorts.js"

PropertySuite.suite("two control planes on one SQLite file", AlternatingPorts.layerSqlite, { runs: 100 })
