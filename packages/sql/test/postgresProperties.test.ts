import { PropertySuite } from "@runlease/testkit"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as Searches from "../../testkit/test/Searches.js"

PropertySuite.suite("PostgreSQL", PostgresDatabase.layerOfFile(), Searches.histories("PostgreSQL", 100))
