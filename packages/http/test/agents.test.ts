import { MemoryControlPlane } from "@runlease/store"
import * as AgentSuite from "@runlease/testkit/AgentSuite"
import { clients, serve } from "./serving.js"

AgentSuite.ofStore("HTTP before memory", clients(serve(MemoryControlPlane.layer)))
