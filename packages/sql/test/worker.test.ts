import { SharedPlane, WorkerSuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

WorkerSuite.suite("SQLite", SharedPlane.layer(TempDatabase.layer))
