import { SharedPlane, WorkerSuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

WorkerSuite.ofStore("SQLite", SharedPlane.layer(TempDatabase.layer))
