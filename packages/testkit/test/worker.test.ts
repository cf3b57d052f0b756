import { MemoryControlPlane } from "@runlease/core"
import * as WorkerSuite from "../src/WorkerSuite.js"

WorkerSuite.suite("memory", MemoryControlPlane.layer)
