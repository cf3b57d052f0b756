import { SharedPlane, WorkerSuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

WorkerSuite.suite("PostgreSQL", SharedPlane.layer(PostgresDatabase.layerOfFile()))
