import { MemoryControlPlane } from "@runlease/store"
import * as AgentSuite from "../src/AgentSuite.js"

AgentSuite.suite("memory", MemoryControlPlane.layer)
