import * as PropertySuite from "@runlease/testkit/PropertySuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

PropertySuite.suite("HTTP before SQLite", Layer.provide(client, serve(sqlite)), { runs: 30 })
