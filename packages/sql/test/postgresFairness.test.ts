import { FairnessPropertySuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

FairnessPropertySuite.suite("PostgreSQL", PostgresDatabase.layerOfFile(), { worlds: 1, steps: 100 })
