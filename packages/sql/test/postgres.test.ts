import { ProjectPortsSuite, SharedPlane } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

ProjectPortsSuite.suite("PostgreSQL", SharedPlane.layer(PostgresDatabase.layerOfFile()))
