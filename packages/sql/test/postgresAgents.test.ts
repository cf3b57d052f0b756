import { AgentSuite, SharedPlane } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

AgentSuite.suite("PostgreSQL", SharedPlane.layer(PostgresDatabase.layerOfFile()))
