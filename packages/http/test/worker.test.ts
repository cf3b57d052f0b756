import { MemoryControlPlane } from "@runlease/store"
import * as WorkerSuite from "@runlease/testkit/WorkerSuite"
import { clients, serve } from "./serving.js"

WorkerSuite.ofStore("HTTP before memory", clients(serve(MemoryControlPlane.layer)))
