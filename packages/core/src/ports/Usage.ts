/**
 * What a run, or a tree of runs, has used: the reports in their logs.
 *
 * Source: docs/decisions/0063-budgets.md
 */
import { Chunk, Effect, Option, Predicate, Schema, Stream } from "effect"
import { attemptEventName, type LogEvent } from "../model/AgentEvent.js"
import * as ChildEvent from "../model/ChildEvent.js"
import * as Count from "../model/Count.js"
import type * as Ids from "../model/Ids.js"
import type { InvalidCursor } from "../model/Page.js"
import { EventId, type RunNotFound } from "../model/Run.js"
import { childEventName } from "../model/StepRecord.js"
import * as TokenUsage from "../model/TokenUsage.js"
import { costOf } from "../model/TreeBudget.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { LogFilter } from "./LogFilter.js"
import { maxReadLimit, RunLog } from "./RunLog.js"
import { Runs } from "./Runs.js"

/**
 * `usage`: one entry for each provider and model. `cost`: in millionths, of those reports that have one. `unfinished`: answers that an
 * attempt which has ended had requested and not received whole; their cost is missing. `runs`: how many runs this is the sum of.
 */
export const Usage = Schema.Struct({
  usage: Schema.Array(TokenUsage.TokenUsage),
  cost: Schema.NonNegativeInt,
  unfinished: Schema.NonNegativeInt,
  runs: Schema.NonNegativeInt,
})
export type Usage = typeof Usage.Type

/**
 * What a tree of runs has used: a run and all that it has spawned, whose spending is charged to one budget. `lineage`: the runs that name one
 * of these as the run that they come from without being its children, and all that come from those: retries, forks, detached children.
 * They are in none of the other sums.
 */
export const TreeUsage = Schema.Struct({ ...Usage.fields, lineage: Usage })
export type TreeUsage = typeof TreeUsage.Type

const none: Usage = { usage: [], cost: 0, unfinished: 0, runs: 0 }

const plus = (a: Usage, b: Usage): Usage => ({
  usage: b.usage.reduce(TokenUsage.add, a.usage),
  cost: Count.add(a.cost, b.cost),
  unfinished: Count.add(a.unfinished, b.unfinished),
  runs: a.runs + b.runs,
})

type Failure = RunNotFound | ControlPlaneError

/** The events in the log of a run that match. Those of records are found by their index. */
const matching = (
  runId: Ids.RunId,
  filter: LogFilter & { readonly only?: "records" },
): Stream.Stream<LogEvent, Failure, RunLog> =>
  Stream.unwrap(
    Effect.map(RunLog, (log) =>
      Stream.paginateChunkEffect(EventId.make(0), (after) =>
        Effect.map(log.read({ runId, after, limit: maxReadLimit, ...filter }), (page) => [
          Chunk.fromIterable(page.map(({ event }) => event)),
          Option.map(Option.fromNullable(page.at(-1)), ({ eventId }) => eventId),
        ]),
      ),
    ),
  )

const unfinishedOf = (source: unknown): number => {
  const count = Predicate.isRecord(source) ? source["unfinished"] : undefined
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0
}

/** What a run has used so far, in all of its attempts. Reads its log. */
export const ofRun = (runId: Ids.RunId): Effect.Effect<Usage, Failure, RunLog> =>
  Effect.gen(function* () {
    const reports = yield* Stream.runFold(
      matching(runId, { name: TokenUsage.eventName }),
      none,
      (sum, event) =>
        plus(sum, { ...none, usage: Option.toArray(TokenUsage.fromEvent(event)), cost: costOf(event) }),
    )
    // An attempt that a later one follows says it in its mark, and the last one at the end of the run.
    const marks = matching(runId, { name: attemptEventName })
    const ends = matching(runId, { types: ["RUN_FINISHED", "RUN_ERROR"] })
    const unfinished = yield* Stream.runFold(
      Stream.concat(
        Stream.map(marks, ({ value }) => value),
        ends,
      ),
      0,
      (sum, source) => Count.add(sum, unfinishedOf(source)),
    )
    return { ...reports, unfinished, runs: 1 }
  })

/** The runs that name this one as their parent. */
const comingFrom = (
  parentRunId: Ids.RunId,
): Stream.Stream<Ids.RunId, InvalidCursor | ControlPlaneError, Runs> =>
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

/** The children of a run that are not in its trees: the records of its log name them. */
const childrenOf = (runId: Ids.RunId): Effect.Effect<ReadonlySet<string>, Failure, RunLog> =>
  Stream.runFold(
    matching(runId, { name: childEventName, only: "records" }),
    new Set<string>(),
    (children, event) => {
      const child = Option.getOrUndefined(ChildEvent.fromEvent(event))
      return child === undefined || child.detached ? children : children.add(child.runId)
    },
  )

/**
 * What a run and all runs below it have used so far, and apart from that what those have used that come from one of them otherwise. Reads
 * their logs, one after the other.
 */
export const ofTree = (runId: Ids.RunId): Effect.Effect<TreeUsage, Failure | InvalidCursor, RunLog | Runs> =>
  Effect.gen(function* () {
    const own = yield* ofRun(runId)
    const children = yield* childrenOf(runId)
    return yield* Stream.runFoldEffect(
      comingFrom(runId),
      { ...own, lineage: none },
      (sum: TreeUsage, other) =>
        Effect.map(ofTree(other), ({ lineage, ...tree }): TreeUsage => {
          const lineageSum = plus(sum.lineage, lineage)
          return children.has(other)
            ? { ...plus(sum, tree), lineage: lineageSum }
            : { ...sum, lineage: plus(lineageSum, tree) }
        }),
    )
  })
