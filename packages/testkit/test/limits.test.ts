import { MemoryControlPlane } from "@runlease/core"
import { LimitsPropertySuite, RatesPropertySuite } from "@runlease/testkit"

LimitsPropertySuite.suite("memory", MemoryControlPlane.layer, { worlds: 24, steps: 100 })
RatesPropertySuite.suite("memory", MemoryControlPlane.layer, { worlds: 24, steps: 100 })
