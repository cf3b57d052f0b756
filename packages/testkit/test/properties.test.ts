import { MemoryControlPlane } from "@runlease/core"
import * as PropertySuite from "../src/PropertySuite.js"

PropertySuite.suite("memory", MemoryControlPlane.layer, { runs: 300 })
