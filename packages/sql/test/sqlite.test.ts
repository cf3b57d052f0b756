import { ControlPlaneSuite, SchedulesSuite, WallClockSuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

ControlPlaneSuite.suite("sqlite", TempDatabase.layer)
SchedulesSuite.suiteCivil("sqlite", TempDatabase.layer)
WallClockSuite.suite("sqlite", TempDatabase.layer)
