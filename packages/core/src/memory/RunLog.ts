/**
 * The run log over the state in memory.
 */
import { Effect, Either, type Scope, Stream } from "effect"
import * as AppendRules from "../rules/AppendRules.js"
import { admits } from "../rules/Fencing.js"
import * as Transitions from "../rules/Transitions.js"
import type * as Ids from "../model/Ids.js"
import * as LogTails from "../store/LogTails.js"
import { EventId, isTerminal, type RunNotFound } from "../model/Run.js"
import {
  type Appended,
  type AppendRequest,
  type CursorMismatch,
  defaultReadLimit,
  entryBytes,
  type EventRefused,
  type LogEntry,
  maxFollowBytes,
  maxReadBytes,
  maxReadLimit,
  type RunLog,
} from "../ports/RunLog.js"
import { findNamed, findRun } from "./Lookup.js"
import { apply } from "./RunRecords.js"
import * as State from "./State.js"

/** The outsiders' entries after the request's cursor. */
const tailOf = (record: State.RunRecord, request: AppendRequest): ReadonlyArray<LogEntry> =>
  record.entries
    .slice(request.expectedEventId ?? 0)
    .filter(
      ({ sequence }) =>
        sequence !== null && (request.expectedEventId !== undefined || sequence > request.expectedSequence!),
    )

/** Appends to a run that takes events from this caller. */
export const appendTo = (
  step: State.Step,
  record: State.RunRecord,
  request: AppendRequest,
): Either.Either<Appended, EventRefused | CursorMismatch> =>
  Either.gen(function* () {
    const texts = yield* AppendRules.encode(request.events)
    const there = AppendRules.atEnd(request, record.state)
      ? 0
      : yield* AppendRules.alreadyThere(request, record.state, tailOf(record, request))
    const added = request.events.slice(there).map((event, index) => ({ event, text: texts[there + index]! }))
    if (added.length > 0) apply(step, record, Transitions.append(record.state, added, step.now))
    return {
      latestEventId: record.state.latestEventId,
      latestSequence: record.state.latestSequence,
      appendedCount: added.length,
    }
  })

/** The entries after a position that are at most so many, and so many bytes, but one at least. */
const pageOf = (
  { entries, sizes }: State.RunRecord,
  after: number,
  most: { readonly entries: number; readonly bytes: number },
): ReadonlyArray<LogEntry> => {
  let end = after
  let bytes = 0
  while (end < entries.length && end - after < most.entries) {
    bytes += sizes[end]! + entryBytes
    if (bytes > most.bytes && end > after) break
    end += 1
  }
  return entries.slice(after, end)
}

/** The tails of the logs in the state. Their entries are there anyway, so they count for nothing. */
export const makeTails = (
  state: State.State,
): Effect.Effect<LogTails.LogTails<RunNotFound>, never, Scope.Scope> =>
  LogTails.make({
    wakeups: state.wakeups,
    read: ({ projectId, runId }, after) =>
      Effect.suspend(() =>
        Either.map(findRun(State.projectOf(state, projectId), runId), (record) => ({
          entries: pageOf(record, after, { entries: maxReadLimit, bytes: maxFollowBytes }),
          bytes: 0,
          latest: record.state.latestEventId,
          ended: isTerminal(record.state.status),
        })),
      ),
  })

export const make = (
  state: State.State,
  tails: LogTails.LogTails<RunNotFound>,
  projectId: Ids.ProjectId,
): RunLog["Type"] => {
  const project = State.projectOf(state, projectId)
  return {
    append: (request) =>
      State.step(state, (step) =>
        Either.gen(function* () {
          const record = yield* findRun(project, request.runId)
          yield* admits(record.state, request.fence, step.now)
          return yield* appendTo(step, record, request)
        }),
      ),
    read: ({ runId, after = 0, limit = defaultReadLimit }) =>
      Either.map(findNamed(project, runId), (record) =>
        pageOf(record, after, {
          entries: Math.min(Math.max(1, limit), maxReadLimit),
          bytes: maxReadBytes,
        }),
      ),
    follow: ({ runId, after = EventId.make(0) }) =>
      Stream.suspend(() => {
        // A tail follows the log by the run's own id.
        const named = Either.map(findNamed(project, runId), (record) => record.state.spec.runId)
        return tails.follow({ projectId, runId: Either.getOrElse(named, () => runId) }, after)
      }),
  }
}
