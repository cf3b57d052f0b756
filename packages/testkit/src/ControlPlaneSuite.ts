/**
 * Every suite over one control plane.
 *
 * @since 0.1.0
 */
import type { Access } from "@runlease/core/Access"
import type { ControlPlane, ProjectPorts } from "@runlease/core/ControlPlane"
import type { Layer } from "effect"
import * as AccessSuite from "./AccessSuite.js"
import * as InterruptionSuite from "./InterruptionSuite.js"
import * as IsolationSuite from "./IsolationSuite.js"
import * as ProjectPortsSuite from "./ProjectPortsSuite.js"
import * as PruneSuite from "./PruneSuite.js"
import * as TracingSuite from "./TracingSuite.js"

/**
 * Declares the tests of all ports, of `Access`, of the walls between projects, of pruning, of interrupted calls, and of
 * spans. `layer` gives a fresh, empty control plane each time it is built, with the ports of one of its projects.
 *
 * ```ts
 * ControlPlaneSuite.suite("memory", MemoryControlPlane.layer)
 * ```
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (
  name: string,
  layer: Layer.Layer<ProjectPorts | ControlPlane | Access, unknown>,
): void => {
  ProjectPortsSuite.suite(name, layer)
  AccessSuite.suite(name, layer)
  IsolationSuite.suite(name, layer)
  PruneSuite.suite(name, layer)
  InterruptionSuite.suite(name, layer)
  TracingSuite.suiteStore(name, layer)
}
