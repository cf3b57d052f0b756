import { MemoryControlPlane } from "@runlease/core"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { Layer } from "effect"
import { client, serveWithoutExchange } from "./serving.js"

ProjectPortsSuite.suite(
  "HTTP without exchanges, before memory",
  Layer.provide(client, serveWithoutExchange(MemoryControlPlane.layer)),
)
