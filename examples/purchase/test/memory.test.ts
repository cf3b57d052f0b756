import { MemoryControlPlane } from "@runlease/core"
import * as Takeovers from "./Takeovers.js"

Takeovers.suite("memory", MemoryControlPlane.layer, Takeovers.inProcess, "every write")
