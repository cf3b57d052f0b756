import { MemoryControlPlane } from "@runlease/core"
import * as AgentSuite from "../src/AgentSuite.js"

AgentSuite.suite("memory", MemoryControlPlane.layer)
