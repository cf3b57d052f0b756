import { MemoryControlPlane } from "@runlease/core"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"

ProjectPortsSuite.suite("HTTP before memory", Layer.provide(client, serve(MemoryControlPlane.layer)))
