import { SharedPlane, WorkerSuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

WorkerSuite.ofStore("PostgreSQL", SharedPlane.layer(PostgresDatabase.layerOfFile()))
