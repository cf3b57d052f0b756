/** Small forms of the random and the simulated histories, for the first tests. */
import { MemoryControlPlane } from "@runlease/store"
import * as PropertySuite from "../src/PropertySuite.js"
import * as SimulationSuite from "../src/SimulationSuite.js"
import * as Searches from "./Searches.js"

PropertySuite.suite("memory, a few", MemoryControlPlane.layer, Searches.histories("a few", 50))
SimulationSuite.suite(
  "memory, a few",
  { store: MemoryControlPlane.layer, turnsOfLoop: false },
  Searches.simulated("a few", 20),
)
