/**
 * A remote AG-UI agent as an executor: the run's snapshot is its input, its events are the run's.
 *
 * Messages go as `AgUiMessages.toAgUi` says them. The conversation is the agent's thread; its run has the run's id at the
 * first claim and another at each later one. RUN_STARTED is dropped. Ids are kept, but for those by which an earlier
 * attempt had begun something else. RUN_FINISHED ends the run as its outcome says: the agent's interrupts are the run's,
 * and so are the calls that it leaves to its client's tools. When all are answered the agent is asked to go on, with the
 * answers to its interrupts, the results of the calls, and the state that it left behind. RUN_ERROR fails it with its code and message.
 *
 * The stream must keep the rules of AG-UI 1.0: one that breaks them is not repaired, and fails the run. What the protocol does
 * not describe, such as an event of a later version, passes.
 *
 * The event stream is read as fast as the log takes it. When the run is interrupted the request is closed.
 *
 * @since 0.1.0
 */
import { FetchHttpClient, HttpClient } from "@effect/platform"
import { type AgentEvent, Executor, type Run } from "@runlease/core"
import { Duration, Effect, Layer, Predicate, Redacted, Stream } from "effect"
import * as Asked from "./internal/Asked.js"
import { blotted, withMessage } from "./internal/Failure.js"
import * as Input from "./internal/Input.js"
import * as Names from "./internal/Names.js"
import * as Output from "./internal/Output.js"
import * as Request from "./internal/Request.js"
import * as RunEnd from "./internal/RunEnd.js"
import * as Sse from "./internal/Sse.js"

/**
 * Which agent runs, and within what bounds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Where the agent takes its input. `{agent_id}` stands for the agent's name there. */
  readonly url: string
  /** The agent's name there. Default: the run's agent id. */
  readonly agentOf?: (run: Run.ClaimedRun) => string
  /** Further headers. The values of Redacted ones are blotted out of traces and failure messages. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  /** How long the agent may take to begin its answer. Default: 2 minutes. */
  readonly responseTimeout?: Duration.DurationInput
  /**
   * How long the agent may send nothing, not even a comment, while it is waited for. Default: 2 minutes. Node's `fetch`
   * itself gives up after 5, so more than that takes another HttpClient.
   */
  readonly idleTimeout?: Duration.DurationInput
  /** The most data of one event. Default: 1 MiB. */
  readonly maxEventBytes?: number
  /** The most that the agent may send for a run. Default: 64 MiB. */
  readonly maxOutputBytes?: number
}

const mebibyte = 1024 * 1024

const endGrace = Duration.seconds(1)

/** The ids of what the run waits for at its end: interrupts of the agent, and calls of the client's tools. */
const waitedFor = (event: AgentEvent.LogEvent) => {
  const { outcome, type } = event
  const interrupts: ReadonlyArray<unknown> =
    type === "RUN_FINISHED" && Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"])
      ? outcome["interrupts"]
      : []
  const idsOf = (clientTool: boolean) =>
    interrupts.flatMap((interrupt) =>
      Predicate.isRecord(interrupt) && (interrupt["clientTool"] === true) === clientTool
        ? [String(interrupt["id"])]
        : [],
    )
  return { interrupts: idsOf(false), calls: idsOf(true) }
}

/**
 * An executor that has each run done by a remote agent.
 *
 * Fails, as the executor, with these codes. Retryable: `connection_refused`, `unreachable`, `response_timeout`, `stalled`,
 * `stream_ended_early` (it broke off, or ended without RUN_FINISHED or RUN_ERROR), `log_not_read`, and `http_N` for 408, 429,
 * 500, 502, 503 and 504, after what `Retry-After` says, an hour at most. Not retryable: any other `http_N`, `invalid_url`,
 * `not_event_stream`, `bad_event` (what is no event at all), `ag_ui_protocol_violation`, `event_too_large`, `output_too_large`,
 * `input_not_ag_ui`, `session_not_recorded`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const headers = options.headers ?? {}
  const maxEventBytes = options.maxEventBytes ?? mebibyte
  const agentOf = options.agentOf ?? (({ agentId }) => agentId)
  const limits = {
    responseTimeout: Duration.decode(options.responseTimeout ?? "2 minutes"),
    idleTimeout: Duration.decode(options.idleTimeout ?? "2 minutes"),
    maxOutputBytes: options.maxOutputBytes ?? 64 * mebibyte,
  }
  const blot = blotted(
    Object.values(headers).flatMap((value) => (Redacted.isRedacted(value) ? [Redacted.value(value)] : [])),
  )

  const start = Effect.fn("AgUiExecutor.start")(function* (run: Run.ClaimedRun) {
    const asked = Asked.of(run)
    const { body, clientTools, continued, stateBasis } = yield* Input.make(run, asked)
    const names = yield* Names.make(run, continued?.names ?? {})
    const url = options.url.replaceAll("{agent_id}", encodeURIComponent(agentOf(run)))
    const bytes = yield* Request.send(client, { url, headers, blot, ...limits }, JSON.stringify(body))

    const keepAsked = (event: AgentEvent.LogEvent) => {
      const { calls, interrupts } = waitedFor(event)
      return calls.length + interrupts.length === 0
        ? Effect.void
        : Asked.record(run, {
            runId: body.runId,
            interrupts,
            calls,
            names: names.toolCalls(),
            state: stateBasis,
          })
    }
    return bytes.pipe(
      Sse.decode(maxEventBytes),
      Output.events({ runId: body.runId, clientTools, maxEventBytes, endGrace, blot }),
      Stream.mapConcat(RunEnd.withUsage),
      Stream.map(names.translate),
      Stream.tap(keepAsked),
    )
  })

  return Executor.Executor.of({
    execute: (run) => Stream.unwrapScoped(start(run)).pipe(Stream.mapError(withMessage(blot))),
  })
})

/**
 * The executor of a worker whose runs are done by a remote agent, over the HttpClient that is there.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWithClient = (
  options: Options,
): Layer.Layer<Executor.Executor, never, HttpClient.HttpClient> =>
  Layer.effect(Executor.Executor, make(options))

/**
 * The executor of a worker whose runs are done by a remote agent, over `fetch`.
 *
 * ```ts
 * const agent = AgUiExecutor.layer({ url: "https://agents.example.com/ag-ui/{agent_id}" })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Executor.Executor> =>
  Layer.provide(layerWithClient(options), FetchHttpClient.layer)
