import { MemoryControlPlane } from "@runlease/core"
import * as PropertySuite from "@runlease/testkit/PropertySuite"
import { Layer } from "effect"
import { client, direct, serve } from "./serving.js"

PropertySuite.suite("HTTP before memory", Layer.provide(client, serve(MemoryControlPlane.layer)), {
  runs: 100,
})

const routed = serve(MemoryControlPlane.layer, {}, direct(false))
PropertySuite.suite("HTTP by the router alone", Layer.provide(client, routed), { runs: 50 })
