/** The rules of an append, shared by every store: what may enter a log, and what of a batch is new. */
import { Either } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import { endsRun, isReserved } from "../model/AgentEvent.js"
import { equalJson } from "../model/Json.js"
import type { AppendRequest, LogEntry } from "./RunLog.js"
import { CursorMismatch, EventRefused, maxBatch, maxEventBytes } from "./RunLog.js"

/** The length of a text in bytes of UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** The size of an event in the log, in bytes of JSON. */
export const sizeOf = (event: LogEvent): number => bytesOf(JSON.stringify(event))

/** The batch as JSON text, or why it is refused. */
export const encode = (
  events: ReadonlyArray<LogEvent>,
): Either.Either<ReadonlyArray<string>, EventRefused> => {
  if (events.length < 1 || events.length > maxBatch) {
    return Either.left(
      new EventRefused({
        index: 0,
        reason: "batch_size",
        message: `events must hold 1 to ${maxBatch} events, this holds ${events.length}`,
      }),
    )
  }
  const texts: Array<string> = []
  for (const [index, event] of events.entries()) {
    if (typeof event.type !== "string" || event.type === "") {
      return Either.left(
        new EventRefused({
          index,
          reason: "malformed",
          message: `events[${index}].type must be a non-empty string`,
        }),
      )
    }
    if (endsRun(event)) {
      return Either.left(
        new EventRefused({
          index,
          reason: "terminal",
          message: `events[${index}] is ${event.type}, which only completing the run writes`,
        }),
      )
    }
    const text = JSON.stringify(event)
    // A UTF-16 unit takes at most three bytes, so most events need no count.
    if (text.length * 3 > maxEventBytes && bytesOf(text) > maxEventBytes) {
      return Either.left(
        new EventRefused({
          index,
          reason: "too_large",
          message: `events[${index}] payload must be less than ${maxEventBytes} bytes of JSON`,
        }),
      )
    }
    texts.push(text)
  }
  return Either.right(texts)
}

/** Refuses the batch where one of its events is a holder's to write. */
const unlessOfHolder = (
  events: ReadonlyArray<LogEvent>,
  isOfHolder: (event: LogEvent) => boolean,
): Either.Either<void, EventRefused> => {
  const index = events.findIndex(isOfHolder)
  if (index < 0) return Either.void
  const { name, type } = events[index]!
  const shown = type === "CUSTOM" ? `a CUSTOM ${String(name)}` : type
  const rule = `events[${index}] is ${shown}, which only the worker of the run or the control plane writes`
  const message = type === "CUSTOM" ? `${rule}; give it a name that does not begin with "runlease."` : rule
  return Either.left(new EventRefused({ index, reason: "reserved", message }))
}

/** Refuses the events that a caller may not append who holds no lease: CUSTOM ones named `runlease.…`, such as records of steps. */
export const unlessReserved = (events: ReadonlyArray<LogEvent>): Either.Either<void, EventRefused> =>
  unlessOfHolder(events, isReserved)

const isOfHolder = (event: LogEvent): boolean =>
  isReserved(event) || event.type.startsWith("RUN_") || event.type.startsWith("TOOL_CALL_")

/** The batch as JSON text, or why a caller may not append it that holds no lease. */
export const encodeUnfenced = (
  events: ReadonlyArray<LogEvent>,
): Either.Either<ReadonlyArray<string>, EventRefused> =>
  Either.flatMap(encode(events), (texts) => Either.map(unlessReserved(events), () => texts))

/** The batch as JSON text, or why it may not join the events of the holder. */
export const encodeBeside = (
  events: ReadonlyArray<LogEvent>,
): Either.Either<ReadonlyArray<string>, EventRefused> =>
  Either.flatMap(encode(events), (texts) => Either.map(unlessOfHolder(events, isOfHolder), () => texts))

export interface Position {
  readonly latestEventId: number
  readonly latestSequence: number
}

/** Whether the cursor of the request names the log's end, so that the whole batch is new. */
export const atEnd = (request: AppendRequest, position: Position): boolean =>
  (request.expectedEventId === undefined || request.expectedEventId === position.latestEventId) &&
  (request.expectedSequence === undefined || request.expectedSequence === position.latestSequence)

/**
 * How many events at the beginning of the batch the log holds already, by `tail`: the outsiders' entries
 * after the request's cursor, oldest first. A batch that differs from the tail, or a tail longer than the
 * batch, is a mismatch.
 *
 * For a request whose cursor is not at the end.
 */
export const alreadyThere = (
  request: AppendRequest,
  position: Position,
  tail: ReadonlyArray<Pick<LogEntry, "event" | "sequence">>,
): Either.Either<number, CursorMismatch> => {
  const mismatch = Either.left(new CursorMismatch({ runId: request.runId, ...position }))
  const ahead =
    (request.expectedEventId ?? 0) > position.latestEventId ||
    (request.expectedSequence ?? 0) > position.latestSequence
  if (ahead || tail.length === 0 || tail.length > request.events.length) return mismatch
  // Both cursors, when set, must name the same place.
  if (request.expectedSequence !== undefined && tail[0]!.sequence !== request.expectedSequence + 1) {
    return mismatch
  }
  return tail.every((entry, index) => equalJson(entry.event, request.events[index]))
    ? Either.right(tail.length)
    : mismatch
}
