import { MemoryControlPlane } from "@runlease/store"
import * as PropertySuite from "@runlease/testkit/PropertySuite"
import { Layer } from "effect"
import { client, direct, serve } from "./serving.js"
import * as Searches from "../../testkit/test/Searches.js"

PropertySuite.suite(
  "HTTP before memory",
  Layer.provide(client, serve(MemoryControlPlane.layer)),
  Searches.histories("HTTP before memory", 100),
)

const routed = serve(MemoryControlPlane.layer, {}, direct(false))
PropertySuite.suite(
  "HTTP by the router alone",
  Layer.provide(client, routed),
  Searches.histories("the router alone", 50),
)
