/** Reads the entries of a log that match. */
import { Effect } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type { EventId } from "../model/Run.js"
import * as LoopTurn from "./LoopTurn.js"
import type { LogEntry } from "./RunLog.js"

/** Events of one of these types, where there are some, and of this name, where there is one. */
export interface LogFilter {
  readonly types?: ReadonlyArray<string> | undefined
  readonly name?: string | undefined
}

/** What an event must satisfy; undefined where each does. */
export const predicate = ({ name, types = [] }: LogFilter): ((event: LogEvent) => boolean) | undefined => {
  if (name === undefined && types.length === 0) return undefined
  const wanted = new Set(types)
  return (event) =>
    (wanted.size === 0 || wanted.has(event.type)) && (name === undefined || event["name"] === name)
}

/**
 * The next entries that match, up to `limit`, of those that `page` returns after a position. It reads page by page until one has a
 * match, and ends with an empty one: so what matches nothing costs to read the log through, a page in each turn of the event loop.
 */
export const read = <E, R>(
  page: (after: EventId) => Effect.Effect<ReadonlyArray<LogEntry>, E, R>,
  options: {
    readonly after: EventId
    readonly limit: number
    readonly matches: (event: LogEvent) => boolean
  },
): Effect.Effect<ReadonlyArray<LogEntry>, E, R> =>
  Effect.flatMap(page(options.after), (entries) => {
    const found = entries.filter(({ event }) => options.matches(event))
    const last = entries.at(-1)
    return found.length > 0 || last === undefined
      ? Effect.succeed(found.slice(0, options.limit))
      : Effect.zipRight(LoopTurn.next, read(page, { ...options, after: last.eventId }))
  })
