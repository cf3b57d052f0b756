/** What a remote agent sends, as events of the run. */
import { AgentEvent, type Executor } from "@runlease/core"
import { Either, Option, Predicate, Schema, Stream } from "effect"
import { excerpt, final, passing } from "./Failure.js"
import type * as Sse from "./Sse.js"

type Event = AgentEvent.AgentEvent

const parse = Schema.decodeUnknownOption(Schema.parseJson(Schema.Unknown))

const malformed = (problem: string, data: string) =>
  Either.left(final("bad_event", `The agent sent a malformed event: ${problem}: ${excerpt(data, 200)}`))

const eventOf =
  (maxEventBytes: number) =>
  (item: Sse.Item): Option.Option<Either.Either<Event, Executor.ExecutorError>> => {
    if (item._tag === "TooLarge") {
      return Option.some(
        Either.left(
          final(
            "event_too_large",
            `The agent sent an event of more than ${maxEventBytes} bytes, the limit here`,
          ),
        ),
      )
    }
    const value = parse(item.data)
    if (Option.isNone(value)) {
      // It was cut off, which the end of the stream tells.
      return item.ended ? Option.none() : Option.some(malformed("it is not JSON", item.data))
    }
    const problem = AgentEvent.problemOf(value.value)
    return Option.some(
      problem === undefined ? Either.right(value.value as Event) : malformed(problem, item.data),
    )
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
  (maxEventBytes: number) =>
  <E, R>(items: Stream.Stream<Sse.Item, E, R>): Stream.Stream<Event, E | Executor.ExecutorError, R> =>
    items.pipe(
      Stream.filterMap(eventOf(maxEventBytes)),
      Stream.mapEffect((event) => event),
      Stream.filter(({ type }) => type !== "RUN_STARTED"),
      Stream.map((event) => (AgentEvent.endsRun(event) ? told(event) : event)),
      Stream.concat(Stream.fail(endedEarly)),
      Stream.takeUntil(AgentEvent.endsRun),
    )
