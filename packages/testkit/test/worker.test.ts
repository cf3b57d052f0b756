import { MemoryControlPlane } from "@runlease/store"
import * as WorkerSuite from "../src/WorkerSuite.js"

WorkerSuite.suite("memory", MemoryControlPlane.layer)
