/** Converts the event stream of a remote agent to events of the run. */
import { AgentEvent, type Executor } from "@runlease/core"
import { AgUiChunks, AgUiMembers } from "@runlease/core/executor"
import { Chunk, type Duration, Effect, Either, Option, Schema, Stream } from "effect"
import * as EventShape from "./EventShape.js"
import { excerpt, permanent, retryable } from "./Failure.js"
import * as PendingToolCalls from "./PendingToolCalls.js"
import * as RequestedRun from "./RequestedRun.js"
import type * as Sse from "./Sse.js"
import * as StreamRules from "./StreamRules.js"
import * as ThinkingEvents from "./ThinkingEvents.js"

type Event = AgentEvent.LogEvent

const parse = Schema.decodeUnknownOption(Schema.parseJson(Schema.Unknown))
const isEvent = Schema.is(AgentEvent.LogEvent)

export interface Options {
  /** The run that was requested. */
  readonly runId: string
  /** The tools that the request offers, by name, with the JSON Schema of their arguments. */
  readonly clientTools: ReadonlyMap<string, unknown>
  readonly maxEventBytes: number
  /** How long the stream may stay open after RUN_FINISHED, since a RUN_ERROR may still replace it. */
  readonly endGrace: Duration.Duration
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
}

const endedEarly = retryable(
  "stream_ended_early",
  "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
)

/** The events of the run in one item of the stream, the failure that the item causes, and warnings for the log. */
interface ItemResult {
  readonly events: ReadonlyArray<Event>
  readonly failure?: Executor.ExecutorError
  readonly warnings?: ReadonlyArray<string>
}

const eventOf = (
  { maxEventBytes, redact }: Options,
  item: Sse.Item,
): Either.Either<Event | undefined, Executor.ExecutorError> => {
  if (item._tag === "TooLarge") {
    const message = `The agent sent an event of more than ${maxEventBytes} bytes, the limit here`
    return Either.left(permanent("event_too_large", message))
  }
  const { data, ended } = item
  const malformed = (problem: string) =>
    Either.left(
      permanent("bad_event", `The agent sent a malformed event: ${problem}: ${excerpt(redact(data), 200)}`),
    )
  const value = parse(data)
  // The last event may be cut off. The end of the stream then reports the failure.
  if (Option.isNone(value)) return ended ? Either.right(undefined) : malformed("it is not JSON")
  return isEvent(value.value)
    ? Either.right(value.value)
    : malformed(AgentEvent.problemOf(value.value) ?? "it is no event")
}

const versionWarnings = (event: Event): ReadonlyArray<string> => {
  const version = event["protocolVersion"]
  return event.type !== "RUN_STARTED" || version === undefined || AgUiMembers.isKnownVersion(String(version))
    ? []
    : [`The agent speaks AG-UI ${excerpt(String(version), 20)}, of which this executor may not know all`]
}

/** Reads the items of one stream, in order. */
const makeReader = (options: Options) => {
  const translate = ThinkingEvents.make(options.runId)
  const chunks = AgUiChunks.make()
  const problemOf = StreamRules.make()
  const requested = RequestedRun.make(options.runId)
  const calls = PendingToolCalls.make(options.clientTools)
  // An agent that declares no version is older than 1.0.
  let old = true

  const violation = (problem: string): Executor.ExecutorError =>
    permanent("ag_ui_protocol_violation", `The agent broke the AG-UI protocol: ${excerpt(problem)}`)

  const receive = (item: Sse.Item): ItemResult => {
    const parsed = eventOf(options, item)
    if (Either.isLeft(parsed)) return { events: [], failure: parsed.left }
    if (parsed.right === undefined) return { events: [] }
    const translated = translate(parsed.right)
    if (!EventShape.isDescribed(translated)) return { events: requested.take(translated) }

    if (translated.type === "RUN_STARTED") old = translated["protocolVersion"] == null
    const checked = EventShape.check(translated, { nulls: old })
    if (Either.isLeft(checked)) return { events: [], failure: violation(checked.left) }
    const { dropped, event } = checked.right
    const warnings = [
      ...versionWarnings(event),
      ...dropped.map((path) => `The agent sent ${event.type} with an unknown \`${path}\`, which is left out`),
    ]
    const expanded = AgUiChunks.isChunk(event)
      ? chunks.expand(event)
      : Either.right([...chunks.closedBy(event), event])
    if (Either.isLeft(expanded)) return { events: [], failure: violation(expanded.left) }

    const events: Array<Event> = []
    for (const one of expanded.right) {
      const problem = problemOf(one)
      if (problem !== undefined) return { events, failure: violation(problem), warnings }
      const accepted = requested.take(one)
      for (const event of accepted) calls.observe(event)
      events.push(...accepted)
      if (requested.isSettled()) break
    }
    return { events, warnings }
  }

  /** The end of the run, at the end of the stream. */
  const end = (): Either.Either<Event, Executor.ExecutorError> => {
    const event = requested.end()
    if (event !== undefined) return Either.mapLeft(calls.end(event), violation)
    const current = requested.current()
    return Either.left(
      current === undefined || current === options.runId || requested.isActive()
        ? endedEarly
        : violation(`the stream ends after run ${current}, without run ${options.runId}`),
    )
  }

  return { receive, end, requested }
}

/**
 * The events of the requested run. Its end comes last. RUN_STARTED is left out, since the control plane writes its own. The
 * events before a failure are emitted first.
 */
export const events =
  (options: Options) =>
  <E, R>(items: Stream.Stream<Sse.Item, E, R>): Stream.Stream<Event, E | Executor.ExecutorError, R> =>
    Stream.unwrapScoped(
      Effect.map(Stream.toPull(items), (pull) => {
        const { end, receive, requested } = makeReader(options)
        let failed: Executor.ExecutorError | undefined
        let done = false
        const finish: Effect.Effect<
          Chunk.Chunk<Event>,
          Option.Option<E | Executor.ExecutorError>
        > = Effect.suspend(() => {
          done = true
          return Either.match(end(), {
            onLeft: (failure) => Effect.fail(Option.some(failure)),
            onRight: (event) => Effect.succeed(Chunk.of(event)),
          })
        })
        const read = (chunk: Chunk.Chunk<Sse.Item>) =>
          Effect.suspend(() => {
            const found: Array<Event> = []
            const warnings: Array<string> = []
            for (const item of chunk) {
              const received = receive(item)
              found.push(...received.events)
              warnings.push(...(received.warnings ?? []))
              failed = received.failure
              if (failed !== undefined || requested.isSettled()) break
            }
            return Effect.as(
              Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true }),
              Chunk.unsafeFromArray(found),
            )
          })
        const next: Effect.Effect<
          Chunk.Chunk<Event>,
          Option.Option<E | Executor.ExecutorError>,
          R
        > = Effect.suspend(() => {
          if (failed !== undefined) return Effect.fail(Option.some(failed))
          if (done) return Effect.fail(Option.none())
          if (requested.isSettled()) return finish
          if (requested.end() === undefined) {
            return Effect.matchEffect(pull, {
              onFailure: (failure) => (Option.isNone(failure) ? finish : Effect.fail(failure)),
              onSuccess: read,
            })
          }
          // The run has its end. It does not matter whether the stream then breaks off or stays open.
          return Effect.matchEffect(
            requested.end()?.type === "RUN_FINISHED"
              ? Effect.timeoutOption(pull, options.endGrace)
              : Effect.asSome(pull),
            {
              onFailure: () => finish,
              onSuccess: Option.match({ onNone: () => finish, onSome: read }),
            },
          )
        })
        return Stream.repeatEffectChunkOption(next)
      }),
    )
