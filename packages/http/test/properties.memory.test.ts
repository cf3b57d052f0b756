import { MemoryControlPlane } from "@runlease/core"
import * as PropertySuite from "@runlease/testkit/PropertySuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"

PropertySuite.suite("HTTP before memory", Layer.provide(client, serve(MemoryControlPlane.layer)), {
  runs: 300,
})
