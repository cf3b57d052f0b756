import { MemoryControlPlane } from "@runlease/core"
import { FairnessPropertySuite } from "@runlease/testkit"

FairnessPropertySuite.suite("memory", MemoryControlPlane.layer, { worlds: 12, steps: 120 })
