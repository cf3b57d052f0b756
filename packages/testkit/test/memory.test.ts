import * as MemoryControlPlane from "@runlease/store/MemoryControlPlane"
import * as ControlPlaneSuite from "../src/ControlPlaneSuite.js"
import * as SchedulesSuite from "../src/SchedulesSuite.js"
import * as WallClockSuite from "../src/WallClockSuite.js"

ControlPlaneSuite.suite("memory", MemoryControlPlane.layer)
SchedulesSuite.suiteCivil("memory", MemoryControlPlane.layer)
WallClockSuite.suite("memory", MemoryControlPlane.layer)
