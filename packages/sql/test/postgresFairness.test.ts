import { FairnessPropertySuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as Searches from "../../testkit/test/Searches.js"

FairnessPropertySuite.suite(
  "PostgreSQL",
  PostgresDatabase.layerOfFile(),
  Searches.worlds("fairness on PostgreSQL", 1, 100),
)
