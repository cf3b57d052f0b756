import { MemoryControlPlane } from "@runlease/core"
import * as LapseSuite from "@runlease/testkit/LapseSuite"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { Layer } from "effect"
import { client, clients, serve } from "./serving.js"

ProjectPortsSuite.suite("HTTP before memory", clients(serve(MemoryControlPlane.layer)))
LapseSuite.suite("HTTP before memory", Layer.provide(client, serve(MemoryControlPlane.layer)))
