/**
 * The executor of a simulation: it does what the script of a run says, and the history tells what it has done.
 *
 * @since 0.1.0
 */
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as Emit from "@runlease/core/Emit"
import * as Executor from "@runlease/core/Executor"
import { lastUserText } from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import * as Step from "@runlease/core/Step"
import { Effect } from "effect"
import type { Executing } from "./History.js"
import type { Operation, Script } from "./Plan.js"
import type { Recorder } from "./Recorder.js"

/**
 * Names events, so that the checker finds each of them once.
 *
 * @since 0.1.0
 * @category constants
 */
export const tokenName = "simulation.token"

/** One execution of a script. */
const executionOf = (recorder: Recorder, executing: Executing) => {
  let count = 0
  /** A value that no other execution gives. */
  const fresh = () => {
    count += 1
    return `${executing.process} ${executing.epoch}.${count}`
  }
  const returned = (name: string) => (value: unknown) =>
    Effect.sync(() =>
      recorder.happened({ _tag: "Returned", ...executing, name, value: JSON.stringify(value ?? null) }),
    )

  const perform = (operation: Operation) => {
    switch (operation._tag) {
      case "Emit":
        return Effect.forEach(
          Array.from({ length: operation.count }),
          () =>
            Emit.event(
              AgentEvent.custom(tokenName, { token: fresh(), epoch: executing.epoch, run: executing.run }),
            ),
          { discard: true },
        )
      case "Work":
        return Effect.sleep(operation.millis)
      case "Step": {
        const body = Effect.suspend(() => {
          recorder.happened({ _tag: "BodyBegan", ...executing, name: operation.name })
          return Effect.delay(Effect.sync(fresh), operation.millis)
        })
        return Effect.flatMap(Step.run(operation.name, body), returned(operation.name))
      }
    }
  }
  return (script: Script) => Effect.forEach(script, perform, { discard: true })
}

/**
 * The executor of the workers in `process`. `scriptOf` finds the script of a run by the text of its request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly process: string
  readonly recorder: Recorder
  readonly scriptOf: (text: string) => Script
}) =>
  Executor.make((run: ClaimedRun) => {
    const { process, recorder, scriptOf } = options
    const executing: Executing = { process, run: run.runId, epoch: run.leaseEpoch ?? 0 }
    return Effect.suspend(() => {
      recorder.happened({ _tag: "ExecutorBegan", ...executing, attempt: run.attempt })
      return Effect.ensuring(
        executionOf(recorder, executing)(scriptOf(lastUserText(run.snapshot))),
        Effect.sync(() => recorder.happened({ _tag: "ExecutorEnded", ...executing })),
      )
    })
  })
