/**
 * The ports about runs, schedules and bulk operations, over a store that implements rows.
 *
 * Source: docs/decisions/0039-a-store-implements-rows.md
 */
import { BulkOperations } from "@runlease/core/BulkOperations"
import { Claims } from "@runlease/core/Claims"
import type * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits } from "@runlease/core/Limits"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Schedules } from "@runlease/core/Schedules"
import { Context, Effect, type Scope } from "effect"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as StoreBulk from "./StoreBulk.js"
import * as ClaimOperation from "./ClaimOperation.js"
import * as LeaseOperations from "./LeaseOperations.js"
import * as StoreLimits from "./StoreLimits.js"
import * as StoreRunLog from "./StoreRunLog.js"
import * as StoreRuns from "./StoreRuns.js"
import * as StoreSchedules from "./StoreSchedules.js"
import * as TellOperation from "./TellOperation.js"

/** The ports about runs, schedules and bulk operations of any project. Logs are followed until the Scope closes. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
): Effect.Effect<
  (
    projectId: Ids.ProjectId,
  ) => Context.Context<BulkOperations | Claims | Leases | Limits | RunLog | Runs | Schedules>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const reads = yield* StoreReads.make(store)
    const claims = ClaimOperation.claims(commits, reads, wakeups, yield* Effect.scope)
    const sendMessage = TellOperation.make(commits)
    const leases = LeaseOperations.make(commits, reads, wakeups, sendMessage)
    const limits = StoreLimits.make(commits, reads)
    const runLog = yield* StoreRunLog.make(commits, reads, wakeups)
    const runs = StoreRuns.make(commits, reads, sendMessage)
    const schedules = StoreSchedules.make(store, commits)
    const bulk = StoreBulk.make(store, commits, wakeups)
    return (projectId) =>
      Context.make(Claims, claims(projectId)).pipe(
        Context.add(Leases, leases(projectId)),
        Context.add(Limits, limits(projectId)),
        Context.add(RunLog, runLog(projectId)),
        Context.add(Runs, runs(projectId)),
        Context.add(Schedules, schedules(projectId)),
        Context.add(BulkOperations, bulk(projectId)),
      )
  })
