/**
 * What a run, or a tree of runs, has used: the reports in their logs.
 *
 * Source: docs/decisions/0063-budgets.md
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Option, Predicate, Schema, Stream } from "effect"
import { attemptEventName, type LogEvent } from "../model/AgentEvent.js"
import type * as Ids from "../model/Ids.js"
import type { InvalidCursor } from "../model/Page.js"
import { EventId, type RunNotFound } from "../model/Run.js"
import * as TokenUsage from "../model/TokenUsage.js"
import { costOf } from "../model/TreeBudget.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import { maxReadLimit, RunLog } from "./RunLog.js"
import { Runs } from "./Runs.js"

/**
 * `usage`: one entry for each provider and model. `cost`: in millionths, of those reports that tell one. `unfinished`: answers that a dead
 * attempt had begun and not finished; what they cost is not known. `runs`: how many runs this is the sum of.
 *
 * @since 0.1.0
 * @category models
 */
export const Usage = Schema.Struct({
  usage: Schema.Array(TokenUsage.TokenUsage),
  cost: Schema.NonNegativeInt,
  unfinished: Schema.NonNegativeInt,
  runs: Schema.NonNegativeInt,
})
export type Usage = typeof Usage.Type

const none: Usage = { usage: [], cost: 0, unfinished: 0, runs: 0 }

const plus = (a: Usage, b: Usage): Usage => ({
  usage: b.usage.reduce(TokenUsage.add, a.usage),
  cost: a.cost + b.cost,
  unfinished: a.unfinished + b.unfinished,
  runs: a.runs + b.runs,
})

type Failure = RunNotFound | ControlPlaneError

/** The events of that name in the log of a run. */
const named = (runId: Ids.RunId, name: string): Stream.Stream<LogEvent, Failure, RunLog> =>
  Stream.unwrap(
    Effect.map(RunLog, (log) =>
      Stream.paginateChunkEffect(EventId.make(0), (after) =>
        Effect.map(log.read({ runId, after, limit: maxReadLimit, name }), (page) => [
          Chunk.fromIterable(page.map(({ event }) => event)),
          Option.map(Option.fromNullable(page.at(-1)), ({ eventId }) => eventId),
        ]),
      ),
    ),
  )

const unfinishedOf = ({ value }: LogEvent): number => {
  const count = Predicate.isRecord(value) ? value["unfinished"] : undefined
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0
}

/**
 * What a run has used so far, in all of its attempts. Reads its log.
 *
 * @since 0.1.0
 * @category reading
 */
export const ofRun = (runId: Ids.RunId): Effect.Effect<Usage, Failure, RunLog> =>
  Effect.gen(function* () {
    const reports = yield* Stream.runFold(named(runId, TokenUsage.eventName), none, (sum, event) =>
      plus(sum, { ...none, usage: Option.toArray(TokenUsage.fromEvent(event)), cost: costOf(event) }),
    )
    const unfinished = yield* Stream.runFold(
      named(runId, attemptEventName),
      0,
      (sum, event) => sum + unfinishedOf(event),
    )
    return { ...reports, unfinished, runs: 1 }
  })

/** The runs right below a run. */
const below = (parentRunId: Ids.RunId): Stream.Stream<Ids.RunId, InvalidCursor | ControlPlaneError, Runs> =>
  Stream.unwrap(
    Effect.map(Runs, (runs) =>
      Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
        Effect.map(runs.list({ parentRunId, limit: 100, cursor }), ({ items, next }) => [
          Chunk.fromIterable(items.map(({ runId }) => runId)),
          Option.map(Option.fromNullable(next), (more) => more),
        ]),
      ),
    ),
  )

/**
 * What a run and all runs below it have used so far. Reads their logs, one after the other.
 *
 * @since 0.1.0
 * @category reading
 */
export const ofTree = (runId: Ids.RunId): Effect.Effect<Usage, Failure | InvalidCursor, RunLog | Runs> =>
  Effect.flatMap(ofRun(runId), (own) =>
    Stream.runFoldEffect(below(runId), own, (sum, child) =>
      Effect.map(ofTree(child), (more) => plus(sum, more)),
    ),
  )
