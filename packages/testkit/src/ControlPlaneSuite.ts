/**
 * Every suite of a store: its ports, access, projects, pruning, schedules, bulk operations, statistics, summaries, webhooks, interruption and spans.
 */
import type { Access } from "@runlease/core/Access"
import type { ControlPlane, StorePorts } from "@runlease/core/ControlPlane"
import type { Layer } from "effect"
import * as AccessSuite from "./AccessSuite.js"
import * as BulkSuite from "./BulkSuite.js"
import * as InterruptionSuite from "./InterruptionSuite.js"
import * as IsolationSuite from "./IsolationSuite.js"
import * as LapseSuite from "./LapseSuite.js"
import * as ProjectPortsSuite from "./ProjectPortsSuite.js"
import * as SchedulesSuite from "./SchedulesSuite.js"
import * as SharedPlane from "./SharedPlane.js"
import * as PruneSuite from "./PruneSuite.js"
import * as StatisticsSuite from "./StatisticsSuite.js"
import * as SummariesSuite from "./SummariesSuite.js"
import * as TracingSuite from "./TracingSuite.js"
import * as WebhooksSuite from "./WebhooksSuite.js"

/**
 * Declares those tests of `suite` that need more than the ports of one project: of a lapse, of `Access`, of the isolation of projects, of
 * pruning, of schedules, of bulk operations, of statistics, of summaries, of webhooks, of interrupted calls, and of spans.
 */
export const suiteBesidePorts = (
  name: string,
  layer: Layer.Layer<StorePorts | ControlPlane | Access, unknown>,
): void => {
  LapseSuite.suite(name, layer)
  AccessSuite.suite(name, layer)
  IsolationSuite.suite(name, layer)
  PruneSuite.suite(name, layer)
  SchedulesSuite.suite(name, layer)
  BulkSuite.suite(name, layer)
  StatisticsSuite.suite(name, layer)
  SummariesSuite.suite(name, layer)
  WebhooksSuite.suite(name, layer)
  InterruptionSuite.suite(name, layer)
  TracingSuite.suiteStore(name, layer)
}

/**
 * Declares the tests of all ports, with `ProjectPortsSuite` over one control plane, and those of `suiteBesidePorts`. Each build of `layer` makes a fresh,
 * empty control plane and provides the ports of one of its projects. Where a store is slow, two files that run side by side have the two parts.
 *
 * ```ts
 * ControlPlaneSuite.suite("memory", MemoryControlPlane.layer)
 * ```
 */
export const suite = (
  name: string,
  layer: Layer.Layer<StorePorts | ControlPlane | Access, unknown>,
): void => {
  ProjectPortsSuite.suite(name, SharedPlane.layer(layer))
  suiteBesidePorts(name, layer)
}
