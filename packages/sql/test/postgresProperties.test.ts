import { PropertySuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

PropertySuite.suite("PostgreSQL", PostgresDatabase.layerOfFile(), { runs: 100 })
