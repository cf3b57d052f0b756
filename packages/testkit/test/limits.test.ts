import { MemoryControlPlane } from "@runlease/store"
import { LimitsPropertySuite, RatesPropertySuite } from "@runlease/testkit"
import * as Searches from "./Searches.js"

LimitsPropertySuite.suite("memory", MemoryControlPlane.layer, Searches.worlds("limits in memory", 24, 100))
RatesPropertySuite.suite("memory", MemoryControlPlane.layer, Searches.worlds("rates in memory", 24, 100))
