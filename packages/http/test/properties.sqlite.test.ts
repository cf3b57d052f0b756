import * as PropertySuite from "@runlease/testkit/PropertySuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"
import { sqlite } from "./sqlite.js"
import * as Searches from "../../testkit/test/Searches.js"

PropertySuite.suite(
  "HTTP before SQLite",
  Layer.provide(client, serve(sqlite)),
  Searches.histories("HTTP before SQLite", 30),
)
