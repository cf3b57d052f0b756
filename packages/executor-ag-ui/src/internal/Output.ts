/** What a remote agent sends, as events of the run. */
import { AgentEvent, AgUiChunks, AgUiMembers, type Executor } from "@runlease/core"
import { Chunk, type Duration, Effect, Either, Option, Schema, Stream } from "effect"
import * as EventShape from "./EventShape.js"
import { excerpt, final, passing } from "./Failure.js"
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
  /** The names of the tools that the request offers. */
  readonly clientTools: ReadonlySet<string>
  readonly maxEventBytes: number
  /** How long a stream may stay open after the end of the run, in case that RUN_ERROR takes the end back. */
  readonly endGrace: Duration.Duration
  /** Blots secrets out. */
  readonly blot: (text: string) => string
}

const endedEarly = passing(
  "stream_ended_early",
  "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
)

/** What an item of the stream gives: events of the run, or the failure of the run, and what is worth a warning. */
interface Received {
  readonly events: ReadonlyArray<Event>
  readonly failure?: Executor.ExecutorError
  readonly warnings?: ReadonlyArray<string>
}

const eventOf = (
  { blot, maxEventBytes }: Options,
  item: Sse.Item,
): Either.Either<Event | undefined, Executor.ExecutorError> => {
  if (item._tag === "TooLarge") {
    const message = `The agent sent an event of more than ${maxEventBytes} bytes, the limit here`
    return Either.left(final("event_too_large", message))
  }
  const { data, ended } = item
  const malformed = (problem: string) =>
    Either.left(
      final("bad_event", `The agent sent a malformed event: ${problem}: ${excerpt(blot(data), 200)}`),
    )
  const value = parse(data)
  // The end of the stream tells of one that was cut off.
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
    final("ag_ui_protocol_violation", `The agent broke the AG-UI protocol: ${excerpt(problem)}`)

  const receive = (item: Sse.Item): Received => {
    const parsed = eventOf(options, item)
    if (Either.isLeft(parsed)) return { events: [], failure: parsed.left }
    if (parsed.right === undefined) return { events: [] }
    const given = translate(parsed.right)
    if (!EventShape.isKnown(given)) return { events: requested.take(given) }

    if (given.type === "RUN_STARTED") old = given["protocolVersion"] == null
    const shaped = EventShape.check(given, { nulls: old })
    if (Either.isLeft(shaped)) return { events: [], failure: violation(shaped.left) }
    const { dropped, event } = shaped.right
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
      const taken = requested.take(one)
      for (const event of taken) calls.observe(event)
      events.push(...taken)
      if (requested.isSettled()) break
    }
    return { events, warnings }
  }

  /** What the end of the stream makes of the run. */
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
 * The events of the requested run, its end the last. RUN_STARTED is the control plane's to write. What came before a
 * failure is emitted before it.
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
          // The run has its end: a stream that breaks off or stays open afterwards takes nothing from it.
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
