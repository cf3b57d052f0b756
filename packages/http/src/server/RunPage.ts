/**
 * The stream of a page that shows one run: its summary as it changes, and the entries of its log in batches.
 *
 * All viewers of a log share its tail (`RunLog.reader`). What a viewer has not taken stays there, so its next batch has it.
 *
 * @since 0.1.0
 */
import { type ControlPlaneError, Ids, Run, RunLog, Summaries } from "@runlease/core"
import { Chunk, Clock, Context, Duration, Effect, Option, Schema, Stream } from "effect"
import { LogEntry } from "../Wire/LogEntry.js"
import { RunSummary } from "../Wire/RunSummary.js"
import * as EventStream from "./EventStream.js"
import type { Ports } from "./ProjectPortsCache.js"

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

const encodeSummary = Schema.encodeSync(RunSummary)
const encodeEntries = Schema.encodeSync(Schema.Array(LogEntry))

/** Between two batches of entries that come in while the page is open. */
const batchInterval = Duration.toMillis("250 millis")

/** Between two looks at the summary: a renewal of the lease writes no entry. */
const summaryInterval = Duration.toMillis("10 seconds")

const now = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

/** Whether an entry may go with a change of the summary: the control plane writes one for each change of the run's state. */
const isOfControlPlane = ({ sequence }: RunLog.LogEntry): boolean => sequence === null

/**
 * The events of the page, after event `seen` of the log. The first summary is read before the stream begins.
 *
 * @since 0.1.0
 * @category streams
 */
export const frames = Effect.fnUntraced(function* (ports: Ports, runId: Ids.RunId, seen = 0) {
  const summaries = Context.get(ports, Summaries.Summaries)
  const log = Context.get(ports, RunLog.RunLog)
  const first = yield* summaries.run(runId)

  return Stream.unwrapScoped(
    Effect.map(log.reader({ runId }), (reader) => {
      let position = Run.EventId.make(seen)
      let isTerminal = false
      let sentSummary = ""
      let summaryAt = 0
      let batchAt = 0
      let hasEnded = false

      const summaryFrames = (summary: Summaries.RunSummary, at: number): ReadonlyArray<string> => {
        isTerminal = Run.isTerminal(summary.status)
        summaryAt = at
        const json = JSON.stringify(encodeSummary(summary))
        if (json === sentSummary) return []
        sentSummary = json
        return [EventStream.namedFrame("run", json)]
      }
      const readSummary = Effect.zipWith(summaries.run(runId), now, summaryFrames)

      const entriesAfter = Effect.suspend(() =>
        Effect.async<RunLog.LogEntries, Failure>((resume) => Effect.sync(reader.next(position, resume))),
      )

      const entryFrames = ({ ended, entries }: RunLog.LogEntries, at: number) =>
        Effect.gen(function* () {
          const sent: Array<string> = []
          const last = entries.at(-1)
          if (last !== undefined) {
            position = last.eventId
            batchAt = at
            sent.push(EventStream.namedFrame("entries", JSON.stringify(encodeEntries(entries)), last.eventId))
          }
          const changes = entries.some(
            (entry) => entry.eventId > first.latestEventId && isOfControlPlane(entry),
          )
          if (changes || (ended && !isTerminal)) sent.push(...(yield* readSummary))
          if (ended) {
            hasEnded = true
            sent.push(EventStream.namedFrame("end", "{}"))
          }
          return sent
        })

      const next: Effect.Effect<ReadonlyArray<string>, Failure> = Effect.gen(function* () {
        // What was there when the page was opened comes as fast as the client takes it, and so does the end.
        const isSpaced = position >= first.latestEventId && !isTerminal
        const pause = isSpaced ? batchAt + batchInterval - (yield* now) : 0
        if (pause > 0) yield* Effect.sleep(pause)
        const patience = Math.max(0, summaryAt + summaryInterval - (yield* now))
        const batch = yield* isTerminal
          ? Effect.asSome(entriesAfter)
          : Effect.timeoutOption(entriesAfter, patience)
        return yield* Option.isNone(batch) ? readSummary : entryFrames(batch.value, yield* now)
      })

      return Stream.fromIterableEffect(Effect.map(now, (at) => summaryFrames(first, at))).pipe(
        Stream.concat(
          Stream.repeatEffectChunkOption(
            Effect.suspend(() =>
              hasEnded
                ? Effect.fail(Option.none<Failure>())
                : Effect.mapBoth(next, { onFailure: Option.some, onSuccess: Chunk.unsafeFromArray }),
            ),
          ),
        ),
      )
    }),
  )
})
