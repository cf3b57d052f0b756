import { FairnessPropertySuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"
import * as Searches from "../../testkit/test/Searches.js"

FairnessPropertySuite.suite("SQLite", TempDatabase.layer, Searches.worlds("fairness on SQLite", 3, 100))
