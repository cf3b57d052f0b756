import { MemoryControlPlane } from "@runlease/core"
import * as WorkerSuite from "@runlease/testkit/WorkerSuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"

WorkerSuite.suite("HTTP before memory", Layer.provide(client, serve(MemoryControlPlane.layer)))
