import { AgentSuite, SharedPlane } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

AgentSuite.ofStore("PostgreSQL", SharedPlane.layer(PostgresDatabase.layerOfFile()))
