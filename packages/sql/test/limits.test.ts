import { LimitsPropertySuite, RatesPropertySuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"
import * as Searches from "../../testkit/test/Searches.js"

LimitsPropertySuite.suite("SQLite", TempDatabase.layer, Searches.worlds("limits on SQLite", 6, 80))
RatesPropertySuite.suite("SQLite", TempDatabase.layer, Searches.worlds("rates on SQLite", 6, 80))
