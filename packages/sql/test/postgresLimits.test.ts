import { LimitsPropertySuite, RatesPropertySuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"

LimitsPropertySuite.suite("PostgreSQL", PostgresDatabase.layerOfFile(), { worlds: 2, steps: 60 })
RatesPropertySuite.suite("PostgreSQL", PostgresDatabase.layerOfFile(), { worlds: 2, steps: 60 })
