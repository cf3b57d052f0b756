import { MemoryControlPlane } from "@runlease/store"
import { FairnessPropertySuite } from "@runlease/testkit"
import * as Searches from "./Searches.js"

FairnessPropertySuite.suite(
  "memory",
  MemoryControlPlane.layer,
  Searches.worlds("fairness in memory", 12, 120),
)
