import { WorkerSuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

WorkerSuite.suite("PostgreSQL", PostgresDatabase.layerOfFile())
