/**
 * The extension of tasks: a run as a task, whose id is the run's. So a task outlives the connection and the server that began it.
 *
 * Source: https://modelcontextprotocol.io/extensions/tasks
 */
import { DateTime, Context, Effect, Schema } from "effect"
import { Ids, type Run, Runs } from "@runlease/core"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import type { Call, Outcome } from "./Call.js"
import * as Elicitation from "./Elicitation.js"
import type { Era } from "./Era.js"
import * as EraOf from "./Era.js"
import * as JsonRpc from "./JsonRpc.js"
import * as RunView from "./RunView.js"
import * as Wait from "./Wait.js"

/** Milliseconds. */
const pollInterval = 1000

const words: Readonly<Record<Run.RunStatus, string>> = {
  pending: "The run waits for a worker",
  running: "The run works",
  waiting: "The run waits",
  completed: "The run has completed",
  failed: "The run has failed",
  cancelled: "The run was cancelled",
}

/** A run whose client shows no forms continues once it is answered by a tool. */
const messageOf = (run: Run.Run): string =>
  RunView.isAsking(run) ? "The run waits for answers; answer_run gives them" : words[run.status]

const common = (run: Run.Run) => ({
  taskId: run.runId,
  statusMessage: messageOf(run),
  createdAt: DateTime.formatIso(run.createdAt),
  lastUpdatedAt: DateTime.formatIso(run.updatedAt),
  ttlMs: null,
  pollIntervalMs: pollInterval,
})

/** The answer to a call whose run continues as a task. */
export const created = (run: Run.Run): Outcome<never> => ({
  result: Effect.succeed({ resultType: "task", ...common(run), status: "working" }),
})

/** The state of a task, with its result once it has ended. A run that has failed is a call that has completed with an error. */
export const detailed = (call: Pick<Call, "ports"> & { readonly era: Era }, run: Run.Run) => {
  if (run.status === "completed" || run.status === "failed") {
    return Effect.map(Wait.resultOf(call, run), (result) => ({
      ...common(run),
      status: "completed",
      result: { resultType: "complete", ...result },
    }))
  }
  if (run.status === "cancelled") return Effect.succeed({ ...common(run), status: "cancelled" })
  return Effect.succeed(
    RunView.isAsking(run) && call.era.elicits
      ? { ...common(run), status: "input_required", inputRequests: Elicitation.requestsOf(run) }
      : { ...common(run), status: "working" },
  )
}

const Named = Schema.Struct({ taskId: Ids.RunId })
const Update = Schema.Struct({ taskId: Ids.RunId, inputResponses: Elicitation.Responses })

const decoded = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(schema)
  return (params: JsonRpc.Params) =>
    Effect.mapError(decode(params), (problem) =>
      JsonRpc.invalidParams(`The parameters do not fit: ${SchemaProblem.describe(problem)}`),
    )
}

const readNamed = decoded(Named)
const readUpdate = decoded(Update)

const notFound = ({ runId }: Run.RunNotFound) =>
  Effect.fail(JsonRpc.invalidParams(`Task not found: there is no run ${runId}`))

const get = Effect.fnUntraced(
  function* (params: JsonRpc.Params, call: Call) {
    const { taskId } = yield* readNamed(params)
    const run = yield* Context.get(call.ports, Runs.Runs).get(taskId)
    return yield* detailed(call, run)
  },
  Effect.catchTag("RunNotFound", notFound),
)

/** Responses to what the run does not wait for are left out, as are those that come too late. */
const update = Effect.fnUntraced(
  function* (params: JsonRpc.Params, { ports }: Call) {
    const { inputResponses, taskId } = yield* readUpdate(params)
    const runs = Context.get(ports, Runs.Runs)
    const [first, ...others] = Elicitation.answersOf(yield* runs.get(taskId), inputResponses)
    if (first !== undefined) {
      yield* Effect.catchTag(runs.resume(taskId, [first, ...others]), "NotWaiting", () => Effect.void)
    }
    return {}
  },
  Effect.catchTag("RunNotFound", notFound),
)

const cancel = Effect.fnUntraced(
  function* (params: JsonRpc.Params, { ports }: Call) {
    const { taskId } = yield* readNamed(params)
    yield* Context.get(ports, Runs.Runs).cancel(taskId)
    return {}
  },
  Effect.catchTag("RunNotFound", notFound),
)

/** A method of tasks, for a client that has declared them. */
const forTasks =
  <E>(method: (params: JsonRpc.Params, call: Call) => Effect.Effect<JsonRpc.Params, E>) =>
  (params: JsonRpc.Params, call: Call): Effect.Effect<JsonRpc.Params, E | JsonRpc.RpcFailure> =>
    call.era.tasks ? method(params, call) : Effect.fail(EraOf.tasksRequired)

/** The methods of the extension. */
export const methods = {
  "tasks/get": forTasks(get),
  "tasks/update": forTasks(update),
  "tasks/cancel": forTasks(cancel),
} as const
