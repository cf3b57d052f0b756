import { ControlPlaneSuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

ControlPlaneSuite.suiteBesidePorts("PostgreSQL", PostgresDatabase.layerOfFile())
