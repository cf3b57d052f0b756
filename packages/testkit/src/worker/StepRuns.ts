/**
 * What tests of steps share.
 */
import { type Emit, Executor, type Run } from "@runlease/core"
import { type StepLog } from "@runlease/core/executor"
import { Effect, Ref } from "effect"
import { log, start } from "../TestWorker.js"

type Body<A, E> = Effect.Effect<A, E, Emit.Emit | StepLog.StepLog>

/** A worker whose executor runs `body`, and dies after it in each attempt before `last`. */
export const dyingBefore = <A, E>(last: number, body: (claimed: Run.ClaimedRun) => Body<A, E>) =>
  start(
    Executor.from((claimed) =>
      Effect.flatMap(body(claimed), (value) =>
        claimed.attempt < last
          ? Effect.fail(Executor.retryableError("died", "again"))
          : Effect.succeed(JSON.stringify(value)),
      ),
    ),
    { retryDelay: () => 0 },
  )

/** The texts of the messages of a run's log. */
export const textsOf = (runId: Run.Run["runId"]) =>
  Effect.map(log(runId), (events) =>
    events.flatMap((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event["delta"]] : [])),
  )

export const customs = (runId: Run.Run["runId"]) =>
  Effect.map(log(runId), (events) =>
    events.flatMap((event) => (event.type === "CUSTOM" ? [event["name"]] : [])),
  )

/** Counts how often an effect runs. */
export const counting = Effect.map(Ref.make(0), (count) => ({
  count: Ref.get(count),
  next: Ref.updateAndGet(count, (n) => n + 1),
}))
