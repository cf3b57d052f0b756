/**
 * The crash test of an agent, in memory: what changes for its run where its worker dies.
 *
 * ```ts
 * const report = yield* CrashTest.run(refunds, Refund.submit({ order: "7" }), { answers: { approve: true } })
 * expect(report.problems).toEqual([])
 * ```
 *
 * Source: docs/decisions/0159-crash-test.md
 */
import * as CrashTest from "@runlease/core/CrashTest"
import type { Executor } from "@runlease/core/Executor"
import type { Runs } from "@runlease/core/Runs"
import { MemoryControlPlane } from "@runlease/store"
import type { Effect, Layer } from "effect"

export { NotExecuted, toText } from "@runlease/core/CrashTest"

export type { Kind, Options, Problem, Report, Row, Times } from "@runlease/core/CrashTest"

/**
 * Executes the run that `submit` submits once, and then once more for each place where its worker may die. `fetch` and `Date` are replaced in
 * the process meanwhile, so the tests of a file do not overlap.
 *
 * Fails: `NotExecuted` where the run is refused, or the layer fails.
 */
export const run = <E, E2>(
  executors: Layer.Layer<Executor, E>,
  submit: Effect.Effect<unknown, E2, Runs>,
  options?: CrashTest.Options,
): Effect.Effect<CrashTest.Report, CrashTest.NotExecuted> =>
  CrashTest.run(executors, submit, MemoryControlPlane.layer, options)
