import { MemoryControlPlane } from "@runlease/store"
import * as PropertySuite from "../src/PropertySuite.js"
import * as Searches from "./Searches.js"

PropertySuite.suite("memory", MemoryControlPlane.layer, Searches.histories("memory", 300))
