/**
 * The stream of a client that listens: the states of tasks that it names. The tools of this server do not change, so it reports no change of them.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 */
import { Ids, Run, RunLog, Runs } from "@runlease/core"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import { Context, Effect, Either, Schema, Stream } from "effect"
import type { Call, Outcome } from "./Call.js"
import * as Era from "./Era.js"
import * as JsonRpc from "./JsonRpc.js"
import * as Tasks from "./Tasks.js"

/** How many tasks one stream may name. */
const maxTasks = 100

const Params = Schema.Struct({
  notifications: Schema.Struct({
    taskIds: Schema.optional(Schema.Array(Ids.RunId).pipe(Schema.maxItems(maxTasks))),
  }),
})
const decode = Schema.decodeUnknownEither(Params)

/** The events with which a run changes its state. Others are as often as the text of a model. */
const changes = ({ name, type }: RunLog.LogEntry["event"]): boolean =>
  type === "RUN_STARTED" ||
  type === "RUN_FINISHED" ||
  type === "RUN_ERROR" ||
  (type === "CUSTOM" && (name === "runlease.attempt" || name === "runlease.waiting"))

/** The states of one task, until it has ended. One that does not exist has none. */
const statesOf = (call: Call, runId: Ids.RunId) => {
  const runs = Context.get(call.ports, Runs.Runs)
  const state = Effect.flatMap(runs.get(runId), (run) => Tasks.detailed(call, run))
  return Stream.unwrap(
    Effect.map(runs.get(runId), (run) =>
      Stream.concat(
        Stream.fromEffect(state),
        Run.isTerminal(run.status)
          ? Stream.empty
          : Context.get(call.ports, RunLog.RunLog)
              .follow({ runId, after: run.latestEventId })
              .pipe(
                Stream.filter(({ event }) => changes(event)),
                Stream.mapEffect(() => state),
              ),
      ),
    ),
  ).pipe(
    Stream.changesWith((a, b) => a.status === b.status && a.lastUpdatedAt === b.lastUpdatedAt),
    // The client may still poll the task.
    Stream.catchAll(() => Stream.empty),
  )
}

/** What a client hears that listens, from the acknowledgement on, until it leaves. */
export const listen = (
  params: JsonRpc.Params,
  call: Call,
  id: JsonRpc.Id,
): Either.Either<Outcome<never>, JsonRpc.RpcFailure> =>
  Either.flatMap(
    Either.mapLeft(decode(params), (problem) =>
      JsonRpc.invalidParams(`The parameters do not fit: ${SchemaProblem.describe(problem)}`),
    ),
    ({ notifications: { taskIds } }) => {
      if (taskIds !== undefined && !call.era.tasks) return Either.left(Era.tasksRequired)
      const meta = { _meta: { [Era.subscriptionKey]: id } }
      const notify = (method: string, rest: JsonRpc.Params) =>
        JsonRpc.notification(method, { ...rest, ...meta })
      const acknowledged = notify("notifications/subscriptions/acknowledged", {
        notifications: taskIds === undefined ? {} : { taskIds },
      })
      const states = Stream.mergeAll(
        (taskIds ?? []).map((taskId) => statesOf(call, taskId)),
        { concurrency: "unbounded" },
      )
      return Either.right({
        notifications: Stream.make(acknowledged).pipe(
          Stream.concat(Stream.map(states, (state) => notify("notifications/tasks", state))),
          Stream.concat(Stream.never),
        ),
        result: Effect.succeed(meta),
      })
    },
  )
