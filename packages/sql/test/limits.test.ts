import { LimitsPropertySuite, RatesPropertySuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

LimitsPropertySuite.suite("SQLite", TempDatabase.layer, { worlds: 6, steps: 80 })
RatesPropertySuite.suite("SQLite", TempDatabase.layer, { worlds: 6, steps: 80 })
