import { ControlPlaneSuite } from "@runlease/testkit"
import * as TempDatabase from "./TempDatabase.js"

ControlPlaneSuite.suite("sqlite", TempDatabase.layer)
