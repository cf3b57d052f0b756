/**
 * Tests of an agent on past runs: each case, a file of `runlease trials keep`, is done once more with your code. Its tool calls have the
 * results of the case, so none is made.
 *
 * Source: docs/decisions/0161-trials.md
 */
import { live } from "@effect/vitest"
import { Executor, Runs, Trial, Worker } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import type { RunLog } from "@runlease/core/RunLog"
import type { Run } from "@runlease/core/Run"
import * as TrialCase from "@runlease/core/TrialCase"
import * as TrialReport from "@runlease/core/TrialReport"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, type Layer, Schema } from "effect"

/** `before`: what became of the run that the case is of. `now`: what your code makes of it. */
export interface Replayed {
  readonly before: TrialCase.Result
  readonly now: TrialCase.Result
}

const decode = Schema.decodeUnknown(TrialCase.TrialCase)

const name = "case"

/** Whether the run has ended, or waits for something that no test brings. */
const isOver = (run: Run): boolean =>
  SettledRun.isSettled(run) || (run.status === "waiting" && run.waiting?.children === undefined)

/**
 * Does the case once more, with a worker of these agents and a store in memory, until the run has ended or waits for an answer, a time or a message.
 *
 * ```ts
 * const { before, now } = yield* Trial.replay(longAnswer, support)
 * ```
 */
export const replay = <E>(json: unknown, agents: Layer.Layer<Executor.Executor, E>) =>
  Effect.gen(function* () {
    const { agentId, calls, request, result, runId } = yield* decode(json)
    const { agents: own, isOpen } = yield* Effect.provide(Executor.all, agents)
    if (!isOpen && own.every((agent) => agent.name !== agentId)) {
      return yield* Effect.dieMessage(
        `The case is of agent ${agentId}, and the agents are ${own.map((agent) => agent.name).join(", ")}`,
      )
    }
    const ports = yield* Effect.context<Runs.Runs | RunLog>()
    yield* Effect.provide(Worker.make({ drainTimeout: 0 }), agents)
    const { run } = yield* Effect.flatMap(Runs.Runs, (runs) =>
      runs.submit({
        agentId,
        snapshot: { ...request, trial: { name, runId, after: 0, tools: "recorded", calls } },
        labels: Trial.labelsOf(name, runId),
      }),
    )
    const over = yield* SettledRun.untilSettled(ports, run, { until: isOver })
    return { before: result, now: TrialCase.resultOf(yield* TrialReport.sideOf(over)) } satisfies Replayed
  }).pipe(Effect.scoped, Effect.provide(MemoryControlPlane.layer))

/**
 * Declares a test of a case. `check` looks at what your code makes of it.
 *
 * ```ts
 * Trial.test("the long answer", longAnswer, support, ({ before, now }) => {
 *   expect(now.outcome).toBe(before.outcome)
 *   expect(now.message.length).toBeLessThan(before.message.length)
 * })
 * ```
 */
export const test = <E>(
  title: string,
  json: unknown,
  agents: Layer.Layer<Executor.Executor, E>,
  check: (replayed: Replayed) => void,
): void => live(title, () => Effect.map(replay(json, agents), check))
