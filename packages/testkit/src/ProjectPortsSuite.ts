/** The suites of the ports of a project. They use nothing else, so they also test a control plane behind HTTP. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { Layer } from "effect"
import * as ClaimsSuite from "./ClaimsSuite.js"
import * as ConversationsSuite from "./ConversationsSuite.js"
import * as FollowUpSuite from "./FollowUpSuite.js"
import * as InterruptsSuite from "./InterruptsSuite.js"
import * as LeasesSuite from "./LeasesSuite.js"
import * as LimitAgentsSuite from "./LimitAgentsSuite.js"
import * as FairnessSuite from "./FairnessSuite.js"
import * as VersionsSuite from "./VersionsSuite.js"
import * as LimitsSuite from "./LimitsSuite.js"
import * as NamedLimitsSuite from "./NamedLimitsSuite.js"
import * as ProjectLimitSuite from "./ProjectLimitSuite.js"
import * as PagesSuite from "./PagesSuite.js"
import * as PendingSuite from "./PendingSuite.js"
import * as RatesSuite from "./RatesSuite.js"
import * as RunLogSuite from "./RunLogSuite.js"
import * as RunsSuite from "./RunsSuite.js"
import * as TextSuite from "./TextSuite.js"
import * as ToolCallsSuite from "./ToolCallsSuite.js"
import * as TracingSuite from "./TracingSuite.js"
import * as WaitingSuite from "./WaitingSuite.js"
import * as WorkerRegistrySuite from "./WorkerRegistrySuite.js"

/** Declares the tests of the ports. `layer` provides a fresh, empty project each time it is built. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  ClaimsSuite.suite(name, layer)
  LeasesSuite.suite(name, layer)
  LimitsSuite.suite(name, layer)
  LimitAgentsSuite.suite(name, layer)
  NamedLimitsSuite.suite(name, layer)
  RatesSuite.suite(name, layer)
  PendingSuite.suite(name, layer)
  LimitAgentsSuite.namedSuite(name, layer)
  ProjectLimitSuite.suite(name, layer)
  FairnessSuite.suite(name, layer)
  VersionsSuite.suite(name, layer)
  RunLogSuite.suite(name, layer)
  RunsSuite.suite(name, layer)
  TextSuite.suite(name, layer)
  ToolCallsSuite.suite(name, layer)
  WaitingSuite.suite(name, layer)
  InterruptsSuite.suite(name, layer)
  FollowUpSuite.suite(name, layer)
  WorkerRegistrySuite.suite(name, layer)
  ConversationsSuite.suite(name, layer)
  PagesSuite.suite(name, layer)
  TracingSuite.suite(name, layer)
}
