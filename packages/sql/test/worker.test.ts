import { WorkerSuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

WorkerSuite.suite("SQLite", TempDatabase.layer)
