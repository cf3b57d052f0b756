/** What a remote agent sends, as events of the run. */
import { AgentEvent, type Executor } from "@runlease/core"
import { Either, Option, Predicate, Schema, Stream } from "effect"
import { excerpt, final, passing } from "./Failure.js"
import type * as Sse from "./Sse.js"

type Event = AgentEvent.AgentEvent

const parse = Schema.decodeUnknownOption(Schema.parseJson(Schema.Unknown))

interface Options {
  readonly maxEventBytes: number
  /** Blots secrets out. */
  readonly blot: (text: string) => string
}

const eventOf =
  ({ blot, maxEventBytes }: Options) =>
  (item: Sse.Item): Option.Option<Either.Either<Event, Executor.ExecutorError>> => {
    if (item._tag === "TooLarge") {
      const message = `The agent sent an event of more than ${maxEventBytes} bytes, the limit here`
      return Option.some(Either.left(final("event_too_large", message)))
    }
    const { data, ended } = item
    const malformed = (problem: string) =>
      Either.left(
        final("bad_event", `The agent sent a malformed event: ${problem}: ${excerpt(blot(data), 200)}`),
      )
    const value = parse(data)
    // One that was cut off is told by the end of the stream.
    if (Option.isNone(value)) return ended ? Option.none() : Option.some(malformed("it is not JSON"))
    const problem = AgentEvent.problemOf(value.value)
    return Option.some(problem === undefined ? Either.right(value.value as Event) : malformed(problem))
  }

/** What an outcome tells beside what becomes of the run, where the run keeps it. */
const told = (event: Event): Event => {
  const { metadata, outcome, usage } = event
  const pending = Predicate.isRecord(outcome) ? outcome["pendingToolCallIds"] : undefined
  const extra = {
    ...(usage == null ? {} : { usage }),
    ...(pending == null ? {} : { pendingToolCallIds: pending }),
  }
  return Object.keys(extra).length === 0 || (metadata != null && !Predicate.isRecord(metadata))
    ? event
    : { ...event, metadata: { ...extra, ...metadata } }
}

const endedEarly = passing(
  "stream_ended_early",
  "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
)

/**
 * The events of an agent's run, up to the one that ends it, which is the last even where the agent goes on. RUN_STARTED
 * is the control plane's to write. What came before a failure is emitted before it.
 */
export const events =
  (options: Options) =>
  <E, R>(items: Stream.Stream<Sse.Item, E, R>): Stream.Stream<Event, E | Executor.ExecutorError, R> =>
    items.pipe(
      Stream.filterMap(eventOf(options)),
      Stream.mapEffect((event) => event),
      Stream.filter(({ type }) => type !== "RUN_STARTED"),
      Stream.map((event) => (AgentEvent.endsRun(event) ? told(event) : event)),
      Stream.concat(Stream.fail(endedEarly)),
      Stream.takeUntil(AgentEvent.endsRun),
    )
