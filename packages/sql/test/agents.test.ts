import { AgentSuite, SharedPlane } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

AgentSuite.ofStore("SQLite", SharedPlane.layer(TempDatabase.layer))
