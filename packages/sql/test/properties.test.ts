import { PropertySuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

PropertySuite.suite("SQLite", TempDatabase.layer, { runs: 200 })
