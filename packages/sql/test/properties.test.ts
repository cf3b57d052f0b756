import { PropertySuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"
import * as Searches from "../../testkit/test/Searches.js"

PropertySuite.suite("SQLite", TempDatabase.layer, Searches.histories("SQLite", 200))
