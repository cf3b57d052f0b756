import * as MemoryControlPlane from "@runlease/core/MemoryControlPlane"
import * as ControlPlaneSuite from "../src/ControlPlaneSuite.js"

ControlPlaneSuite.suite("memory", MemoryControlPlane.layer)
