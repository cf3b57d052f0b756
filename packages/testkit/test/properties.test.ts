import { MemoryControlPlane } from "@runlease/core"
import * as PropertySuite from "../src/PropertySuite.js"
import * as Searches from "./Searches.js"

PropertySuite.suite("memory", MemoryControlPlane.layer, Searches.histories("memory", 300))
