import * as MemoryControlPlane from "@runlease/core/MemoryControlPlane"
import * as ControlPlaneSuite from "../src/ControlPlaneSuite.js"
import * as WallClockSuite from "../src/WallClockSuite.js"

ControlPlaneSuite.suite("memory", MemoryControlPlane.layer)
WallClockSuite.suite("memory", MemoryControlPlane.layer)
