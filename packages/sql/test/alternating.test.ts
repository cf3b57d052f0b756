import { PropertySuite } from "@runlease/testkit"
import * as AlternatingPorts from "./AlternatingPorts.js"
import * as Searches from "../../testkit/test/Searches.js"

PropertySuite.suite(
  "two control planes on one SQLite file",
  AlternatingPorts.layerSqlite,
  Searches.histories("two control planes", 100),
)
