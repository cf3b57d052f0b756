/**
 * Runs a remote agent that speaks A2A 1.0 as an executor: a run is a task of that agent.
 *
 * The agent gets the messages of the user since its last one; the conversation is its context. The text of its artifacts is the text of the
 * run, and what else they hold is a CUSTOM event `a2a.artifact`. Its question is a question of the run, and the answer is its next message:
 * text as text, any other value as data.
 *
 * The task is a step. A worker that dies leaves the task at its agent, and the next one follows it again: the agent gets no second message. A
 * run that is cancelled cancels its task.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification
 */
import { Emit, Executor, Interrupts, type Run, Runs, Step } from "@runlease/core"
import { type Context, Duration, Effect, Layer, type Redacted, Schema } from "effect"
import * as Remote from "./internal/Remote.js"
import * as Requests from "./internal/Requests.js"
import * as Turn from "./internal/Turn.js"

/**
 * `url` is the address of the agent, below which its card is: `.well-known/agent-card.json`. `{agent_id}` is replaced by the agent's name
 * there, which is the run's agent id unless `agentOf` says otherwise. Traces and failures do not show Redacted headers.
 *
 * `origins`: those that may have the requests and headers besides that of `url`, such as `https://api.example.com`. The card names the address
 * of the agent; one of any other origin is refused, and so is a redirect to another.
 */
export interface Options {
  readonly url: string
  readonly agentOf?: (run: Run.ClaimedRun) => string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  readonly origins?: ReadonlyArray<string>
}

const Begun = Schema.Struct({ taskId: Schema.String, contextId: Schema.String })

const failures: Readonly<Record<string, string>> = {
  TASK_STATE_FAILED: "a2a_failed",
  TASK_STATE_REJECTED: "a2a_rejected",
  TASK_STATE_CANCELED: "a2a_canceled",
}

const failureOf = (code: string, text: string) =>
  new Executor.ExecutorError({ code, message: text === "" ? `The agent's task ended: ${code}` : text })

/** Where the agent is; a card below an address is found only if that ends with a slash. */
const addressOf = (
  { agentOf = ({ agentId }) => agentId, headers = {}, origins = [], url }: Options,
  run: Run.ClaimedRun,
) => {
  const place = url.replaceAll("{agent_id}", encodeURIComponent(agentOf(run)))
  return { url: place.endsWith("/") ? place : `${place}/`, headers, origins }
}

/** How long an agent has for the answer to a cancellation, which keeps a place of its worker. */
const cancelTimeout = Duration.seconds(5)

/** Cancels the task of a run that was cancelled. Another worker follows that of a run whose lease is lost. */
const cancelWith = (remote: Remote.Remote, run: Run.ClaimedRun, taskId: string) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.get(run.runId)).pipe(
    Effect.flatMap(({ status }) => Effect.when(remote.cancel(taskId), () => status === "cancelled")),
    // What an interruption runs cannot be interrupted otherwise, so the time would not end it.
    Effect.interruptible,
    Effect.timeout(cancelTimeout),
    Effect.catchAll((error) =>
      Effect.logWarning("The task of a cancelled run could not be cancelled", error),
    ),
  )

/**
 * An executor that passes each run to a remote agent.
 *
 * Its runs fail with these codes. Retryable: `unreachable`, and `http_N` for 408, 429, 500, 502, 503 and 504. Not retryable: `other_origin` (see
 * `Options.origins`), `a2a_failed`,
 * `a2a_rejected` and `a2a_canceled` (what became of the task), and `a2a_…` for an error of A2A, such as `a2a_task_not_found`.
 */
export const make = (options: Options): Context.Tag.Service<Executor.Executor> => ({
  execute: Executor.from((run) =>
    Effect.gen(function* () {
      const remote = yield* Remote.connect(addressOf(options, run))
      const begun = yield* Step.run(
        "a2a task",
        Effect.gen(function* () {
          const { idempotencyKey } = yield* Step.CurrentStep
          const answer = yield* remote.send(Requests.first(run, idempotencyKey))
          if ("status" in answer) return { taskId: answer.id, contextId: answer.contextId }
          yield* Emit.events(yield* Turn.direct(answer))
          return null
        }),
        { schema: Schema.NullOr(Begun) },
      )
      if (begun === null) return
      yield* follow(remote, begun).pipe(Effect.onInterrupt(() => cancelWith(remote, run, begun.taskId)))
    }),
  ),
})

const follow = Effect.fnUntraced(function* (remote: Remote.Remote, task: typeof Begun.Type) {
  let shown: Turn.Ended["seen"] = {}
  for (let key = 1; ; key += 1) {
    const ended: Turn.Ended = yield* Step.stream("a2a turn", Turn.stream(remote, task.taskId, shown), {
      key,
      schema: Turn.Ended,
    })
    shown = ended.seen
    const code = failures[ended.state]
    if (code !== undefined) return yield* failureOf(code, ended.text)
    if (ended.state === "TASK_STATE_COMPLETED") return
    const answer = yield* Interrupts.ask("a2a answer", {
      key,
      message: ended.text === "" ? "The agent asks for more" : ended.text,
      schema: Schema.Unknown,
      ...(ended.data.length === 0 ? {} : { about: ended.data }),
    })
    yield* Step.run(
      "a2a reply",
      Effect.flatMap(Step.CurrentStep, ({ idempotencyKey }) =>
        Effect.as(remote.send(Requests.answer(task, answer, idempotencyKey)), null),
      ),
      { key },
    )
  }
})

/**
 * Provides a worker with an executor over a remote agent.
 *
 * ```ts
 * const agent = A2aExecutor.layerWith({ url: "https://agents.example.com/a2a/{agent_id}" })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 */
export const layerWith = (options: Options): Layer.Layer<Executor.Executor> =>
  Layer.sync(Executor.Executor, () => make(options))
