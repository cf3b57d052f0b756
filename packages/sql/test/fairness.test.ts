import { FairnessPropertySuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

FairnessPropertySuite.suite("SQLite", TempDatabase.layer, { worlds: 3, steps: 100 })
