/**
 * Runs a remote AG-UI agent as an executor. The run's snapshot is the agent's input, and the agent's events become the
 * run's events.
 *
 * `AgUiMessages.toAgUi` converts the messages. The conversation is the agent's thread. The agent's run has the run's id at
 * the first claim and a new id at each later claim.
 *
 * RUN_STARTED is dropped. Ids stay the same, except where an earlier attempt used an id for something else. RUN_FINISHED
 * ends the run with its outcome: the run waits for the agent's interrupts and for the calls of its client's tools. Once all
 * have answers, the agent gets a new request with the answers, the results of the calls, and the state that it left.
 * RUN_ERROR fails the run with its code and message.
 *
 * The end of the agent's run is recorded in the log of the run. If the worker dies after that, the next attempt ends as the agent's run did,
 * and the agent gets no second request.
 *
 * The stream must follow the rules of AG-UI 1.0. A stream that breaks one fails the run and is not repaired. Events and
 * fields that the protocol does not describe, such as those of a later version, are accepted.
 *
 * The executor reads the event stream as fast as the log accepts events. It closes the request when the run is interrupted.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import { AgentEvent, Executor, type Run } from "@runlease/core"
import { RecordedTurns, SameOriginFetch } from "@runlease/core/executor"
import { Duration, Effect, Layer, Predicate, Redacted, Stream } from "effect"
import { mapMessage, redactor } from "./internal/Failure.js"
import * as EndedTurns from "./internal/EndedTurns.js"
import * as Input from "./internal/Input.js"
import * as UniqueIds from "./internal/UniqueIds.js"
import * as Output from "./internal/Output.js"
import * as PendingInterrupts from "./internal/PendingInterrupts.js"
import * as Request from "./internal/Request.js"
import * as RunEnd from "./internal/RunEnd.js"
import * as Sse from "./internal/Sse.js"

/** The address of the agent, the headers of its requests, and the limits of a run. */
export interface Options {
  /** The URL of the agent. `{agent_id}` is replaced by the agent's name on that server. */
  readonly url: string
  /** The agent's name on that server. Default: the run's agent id. */
  readonly agentOf?: (run: Run.ClaimedRun) => string
  /** Further headers. Traces and failure messages do not show Redacted values. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  /** The longest wait for the first byte of the response. Default: 2 minutes. */
  readonly responseTimeout?: Duration.DurationInput
  /**
   * The longest silence of the event stream, without even a comment. Default: 2 minutes. Node's `fetch` fails after 5
   * minutes, so a longer limit requires another HttpClient.
   */
  readonly idleTimeout?: Duration.DurationInput
  /** The largest data of one event. Default: 1 MiB. */
  readonly maxEventBytes?: number
  /** The most bytes that the agent may send for a run. Default: 64 MiB. */
  readonly maxOutputBytes?: number
}

const mebibyte = 1024 * 1024

const endGrace = Duration.seconds(1)

/** The ids of the interrupts and of the client's calls that the run waits for after this event. */
const pendingIdsOf = (event: AgentEvent.LogEvent) => {
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
 * An executor that sends each run to a remote agent.
 *
 * Its runs fail with these codes. Retryable: `connection_refused`, `unreachable`, `response_timeout`, `stalled`,
 * `stream_ended_early` (the stream broke off, or ended without RUN_FINISHED or RUN_ERROR), `log_not_read`, and `http_N` for
 * 408, 429, 500, 502, 503 and 504, after the delay of `Retry-After`, an hour at most. Not retryable: any other `http_N`,
 * `invalid_url`, `other_origin` (see `layerWith`), `not_event_stream`, `bad_event` (the data is no event), `ag_ui_protocol_violation`, `event_too_large`,
 * `output_too_large`, `input_not_ag_ui`, `session_not_recorded`.
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
  const redact = redactor(
    Object.values(headers).flatMap((value) => (Redacted.isRedacted(value) ? [Redacted.value(value)] : [])),
  )

  const start = Effect.fn("AgUiExecutor.start")(function* (run: Run.ClaimedRun) {
    const turns = yield* RecordedTurns.read
    const ended = EndedTurns.unanswered(run, turns.ended)
    if (ended !== undefined) return Stream.make(ended)
    const pending = PendingInterrupts.of(run)
    const { body, clientTools, continued, stateBasis } = yield* Input.make(run, pending)
    const ids = yield* UniqueIds.make(run, continued?.names ?? {})
    const url = options.url.replaceAll("{agent_id}", encodeURIComponent(agentOf(run)))
    const begun = yield* turns.begin
    const send = Request.send(client, { url, headers, redact, ...limits }, JSON.stringify(body))

    const recordPending = (event: AgentEvent.LogEvent) => {
      const { calls, interrupts } = pendingIdsOf(event)
      return calls.length + interrupts.length === 0
        ? Effect.void
        : PendingInterrupts.record(run, {
            runId: body.runId,
            interrupts,
            calls,
            names: ids.toolCalls(),
            state: stateBasis,
          })
    }
    const answer = Stream.unwrapScoped(Effect.zipRight(begun.committed, send)).pipe(
      Sse.decode(maxEventBytes),
      Output.events({ runId: body.runId, clientTools, maxEventBytes, endGrace, redact }),
      Stream.map(ids.translate),
      // Behind the translation, which makes copies: a report of usage counts as it is made.
      Stream.mapConcat(RunEnd.withUsage),
      Stream.tap(recordPending),
      Stream.mapConcatEffect((event) => {
        turns.observe(event)
        return AgentEvent.endsRun(event)
          ? Effect.map(turns.record(event), (record): ReadonlyArray<AgentEvent.LogEvent> => [
              ...record,
              event,
            ])
          : Effect.succeed([event])
      }),
    )
    return Stream.concat(Stream.fromIterable(begun.events), answer)
  })

  return Executor.Executor.of({
    execute: (run) => Stream.unwrapScoped(start(run)).pipe(Stream.mapError(mapMessage(redact))),
  })
})

/** Provides a worker with an executor over a remote agent, which it reaches through the HttpClient of the context. */
export const layerWithClient = (
  options: Options,
): Layer.Layer<Executor.Executor, never, HttpClient.HttpClient> =>
  Layer.effect(Executor.Executor, make(options))

/**
 * Provides a worker with an executor over a remote agent, which it reaches through `fetch`.
 * A redirect to another origin is refused with code `other_origin`: that would get the headers and the request.
 *
 * ```ts
 * const agent = AgUiExecutor.layerWith({ url: "https://agents.example.com/ag-ui/{agent_id}" })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 */
export const layerWith = (options: Options): Layer.Layer<Executor.Executor> =>
  layerWithClient(options).pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(FetchHttpClient.Fetch, SameOriginFetch.make())),
  )
