import { AgentSuite, SharedPlane } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

AgentSuite.suite("SQLite", SharedPlane.layer(TempDatabase.layer))
