/** The port of logs over a store. Logs are followed until the Scope closes. */
import type * as Ids from "@runlease/core/Ids"
import * as LogFilter from "@runlease/core/LogFilter"
import { EventId, RunNotFound } from "@runlease/core/Run"
import {
  defaultReadLimit,
  followWith,
  maxFollowBytes,
  maxReadBytes,
  maxReadLimit,
  type RunLog,
} from "@runlease/core/RunLog"
import { Effect, type Scope } from "effect"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import * as LogTails from "../log/LogTails.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as AppendOperation from "./AppendOperation.js"

export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
  wakeups: Wakeups,
): Effect.Effect<(projectId: Ids.ProjectId) => RunLog["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const append = commits.operation(AppendOperation.operation<X>())
    const tails = yield* LogTails.make({
      wakeups,
      read: (ref, after) =>
        Effect.flatMap(
          reads.read("RunLog.follow", ({ log }) =>
            log(ref, after, { entries: maxReadLimit, bytes: maxFollowBytes }),
          ),
          (page) => (page === undefined ? new RunNotFound({ runId: ref.runId }) : Effect.succeed(page)),
        ),
    })

    /** A tail reads the log by the run's own id. */
    const readerOf =
      (projectId: Ids.ProjectId): RunLog["Type"]["reader"] =>
      ({ runId }) =>
        Effect.flatMap(
          reads.named("RunLog.follow", { projectId, runId }, ({ run }, ref) =>
            Effect.map(run(ref), (found) => found && ref),
          ),
          tails.reader,
        )

    return (projectId) => ({
      append: (request) => append(AppendOperation.request(projectId, request)),

      read: ({ after = EventId.make(0), limit = defaultReadLimit, only, runId, ...filter }) => {
        const most = Math.min(Math.max(1, limit), maxReadLimit)
        const page = (entries: number) => (from: EventId) =>
          Effect.map(
            reads.named("RunLog.read", { projectId, runId }, ({ log }, ref) =>
              log(ref, from, { entries, bytes: maxReadBytes, only }),
            ),
            (found) => found.entries,
          )
        const matches = LogFilter.predicate(filter)
        return matches === undefined
          ? page(most)(after)
          : LogFilter.read(page(maxReadLimit), { after, limit: most, matches })
      },

      follow: ({ after, runId }) => followWith(readerOf(projectId)({ runId }), after),

      reader: readerOf(projectId),
    })
  })
