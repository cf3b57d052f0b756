import { ControlPlaneSuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

ControlPlaneSuite.suite("PostgreSQL", PostgresDatabase.layerOfFile())
