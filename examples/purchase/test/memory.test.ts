import { MemoryControlPlane } from "@runlease/store"
import * as Takeovers from "./Takeovers.js"

Takeovers.suite("memory", MemoryControlPlane.layer, Takeovers.inProcess, "every write")
