import { MemoryControlPlane } from "@runlease/core"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { clients, serve } from "./serving.js"

ProjectPortsSuite.suite("HTTP before memory", clients(serve(MemoryControlPlane.layer)))
