/**
 * The ports about runs, schedules, bulk operations and webhooks, over a store that implements rows.
 *
 * Source: docs/decisions/0039-a-store-implements-rows.md
 */
import type { Access } from "@runlease/core/Access"
import { BulkOperation as Model } from "@runlease/core/BulkOperation"
import { BulkNotFound, BulkOperations } from "@runlease/core/BulkOperations"
import { Claims } from "@runlease/core/Claims"
import { uuidOf } from "@runlease/core/Digest"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits } from "@runlease/core/Limits"
import * as LogFilter from "@runlease/core/LogFilter"
import { keysOf } from "@runlease/core/Page"
import { Rollouts } from "@runlease/core/Rollouts"
import { EventId, RunNotFound } from "@runlease/core/Run"
import {
  defaultReadLimit,
  followWith,
  maxFollowBytes,
  maxReadBytes,
  maxReadLimit,
  RunLog,
} from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Schedules } from "@runlease/core/Schedules"
import type { Secrets } from "@runlease/core/Secrets"
import { Webhooks } from "@runlease/core/Webhooks"
import { WebhookSources } from "@runlease/core/WebhookSources"
import { Context, Effect, Schema, type Scope } from "effect"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import * as LogTails from "../log/LogTails.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import { bulkOperations, findRecord } from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as BulkRules from "../rules/BulkRules.js"
import * as AppendOperation from "./AppendOperation.js"
import * as BulkParts from "./BulkParts.js"
import * as ClaimOperation from "./ClaimOperation.js"
import * as LeaseCallbacks from "./LeaseCallbacks.js"
import * as LeaseOperations from "./LeaseOperations.js"
import * as SealedAnswers from "./SealedAnswers.js"
import * as StoreLimits from "./StoreLimits.js"
import * as StoreRollouts from "./StoreRollouts.js"
import * as StoreRuns from "./StoreRuns.js"
import * as StoreSchedules from "./StoreSchedules.js"
import * as StoreWebhooks from "./StoreWebhooks.js"
import * as StoreWebhookSources from "./StoreWebhookSources.js"
import * as TellOperation from "./TellOperation.js"

// The port of bulk operations over a store.

const decode = Schema.decodeSync(Model)

const toModel = ({ from: _from, runIds: _runIds, to: _to, ...bulk }: BulkRules.BulkRecord) => decode(bulk)

/** The port of bulk operations of any project. */
const bulkPort = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
): ((projectId: Ids.ProjectId) => BulkOperations["Type"]) => {
  const create = commits.operation(BulkParts.create<X>())
  const abort = commits.operation(BulkParts.abort<X>())
  const reads = StoreReads.reading(store)
  const continueBulk = BulkParts.continuing(reads, commits)
  const { read } = reads

  return (projectId) => ({
    create: Effect.fnUntraced(function* (bulk) {
      const checked = yield* BulkRules.check(bulk)
      const { idempotencyKey: key } = checked
      const id = key === undefined ? yield* Ids.uuidV7 : uuidOf(`bulk ${key}`)
      const { record } = yield* Effect.flatMap(create({ projectId, id, bulk: checked }), continueBulk)
      if (record.status === "running") yield* wakeups.dueSooner
      return toModel(record)
    }),

    get: (bulkId) =>
      Effect.flatMap(
        read("BulkOperations.get", ({ records }) =>
          findRecord(records(bulkOperations), { projectId, id: bulkId }),
        ),
        (found) =>
          found === undefined ? new BulkNotFound({ bulkId }) : Effect.succeed(toModel(found.record)),
      ),

    list: Effect.fnUntraced(function* (options = {}) {
      const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(options.cursor, [Number.MAX_SAFE_INTEGER])
      const limit = KeysetPage.limitOf(options)
      const found = yield* read("BulkOperations.list", ({ records }) =>
        records(bulkOperations).list(projectId, { status: options.status }, { before, limit }),
      )
      return KeysetPage.pageOf(
        found,
        limit,
        ({ key }) => [key],
        ({ record }) => toModel(record),
      )
    }),

    abort: (bulkId) => Effect.map(abort({ projectId, id: bulkId }), toModel),
  })
}

/** The port of logs over a store. Logs are followed until the Scope closes. */
const runLogPort = <X>(
  commits: RunCommits<X>,
  reads: StoreReads.StoreReads<X>,
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

/** The ports about runs, schedules, bulk operations and webhooks of any project. Logs are followed until the Scope closes. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
  { access, secrets }: { readonly access: Access["Type"]; readonly secrets: Secrets["Type"] },
): Effect.Effect<
  (
    projectId: Ids.ProjectId,
  ) => Context.Context<
    | BulkOperations
    | Claims
    | Leases
    | Limits
    | Rollouts
    | RunLog
    | Runs
    | Schedules
    | Webhooks
    | WebhookSources
  >,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const reads = yield* StoreReads.make(store)
    const sealed = SealedAnswers.make(secrets)
    const claims = ClaimOperation.claims(commits, reads, wakeups, sealed, yield* Effect.scope)
    yield* Effect.forkScoped(wakeups.claims.polls)
    const sendMessage = TellOperation.make(commits)
    const leases = LeaseOperations.make(commits, reads, wakeups, sendMessage)
    const limits = StoreLimits.make(commits, reads)
    const runLog = yield* runLogPort(commits, reads, wakeups)
    const runs = StoreRuns.make(commits, reads, sealed, sendMessage)
    const schedules = StoreSchedules.make(store, commits)
    const bulk = bulkPort(store, commits, wakeups)
    const webhooks = StoreWebhooks.make(store, commits, wakeups, secrets)
    const rollouts = StoreRollouts.make(store, commits, wakeups)
    const sources = StoreWebhookSources.make(store, commits, secrets)
    return (projectId) => {
      const ownRuns = runs(projectId)
      return Context.make(Claims, claims(projectId)).pipe(
        Context.add(Leases, LeaseCallbacks.over(leases(projectId), ownRuns, access, projectId)),
        Context.add(Limits, limits(projectId)),
        Context.add(Rollouts, rollouts(projectId)),
        Context.add(RunLog, runLog(projectId)),
        Context.add(Runs, ownRuns),
        Context.add(Schedules, schedules(projectId)),
        Context.add(BulkOperations, bulk(projectId)),
        Context.add(Webhooks, webhooks(projectId)),
        Context.add(WebhookSources, sources(projectId)),
      )
    }
  })
