import { MemoryControlPlane } from "@runlease/core"
import { LimitsPropertySuite } from "@runlease/testkit"

LimitsPropertySuite.suite("memory", MemoryControlPlane.layer, { worlds: 24, steps: 100 })
