/**
 * The port `Summaries`, over the rows of a store.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import { exhaustedCode } from "@runlease/core/ControlEvents"
import type * as Ids from "@runlease/core/Ids"
import { reportedOf } from "@runlease/core/LogState"
import type { Page } from "@runlease/core/Page"
import { isTerminal } from "@runlease/core/Run"
import {
  type ClaimEnd,
  type ClaimRecord,
  type LimitStanding,
  type LostLease,
  maxSearched,
  type RunSummary,
  type Standing,
  type StatusCounts,
  type Summaries,
  type SummaryFilter,
  type VersionSummary,
} from "@runlease/core/Summaries"
import { type RegisteredWorker, WorkerRegistry } from "@runlease/core/WorkerRegistry"
import * as WorkersInContact from "@runlease/core/WorkersInContact"
import { Context, DateTime, Duration, Effect } from "effect"
import * as FilterSearch from "../rows/FilterSearch.js"
import { mostAtOnce } from "../rows/FilterSearch.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { LimitReads } from "../rows/LimitRows.js"
import type { NamedWorker, RunKey, StoredRun } from "../rows/RunRows.js"
import type { RunReads, RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import type { ClaimRow, SummaryRow, SummaryRows, VersionRow } from "../rows/SummaryRows.js"
import * as LimitKey from "../rules/LimitKey.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as PendingRules from "../rules/PendingRules.js"
import { instantOrNull, type RunState } from "../rules/RunState.js"
import { isRunnable } from "../rules/Transition.js"

// The pages of a list of runs: those that an index finds, and those that a search looks for.

/** A page of rows. `searched` is how many runs were looked at; null where an index found them. */
interface RowPage extends Page<SummaryRow> {
  readonly searched: number | null
}

/** Reads runs by their keys, in that order. */
const inOrder = <X>(
  rows: SummaryRows<X>,
  keys: ReadonlyArray<RunKey>,
): Effect.Effect<ReadonlyArray<SummaryRow>, X> =>
  keys.length === 0
    ? Effect.succeed([])
    : Effect.map(rows.find(keys), (found) => {
        const byKey = new Map(found.map((row) => [row.key, row]))
        return keys.flatMap((key) => byKey.get(key) ?? [])
      })

const page = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  filter: SummaryFilter,
  request: FilterSearch.PageOf,
): Effect.Effect<RowPage, X> =>
  Effect.gen(function* () {
    const plan = yield* FilterSearch.plan(rows, projectId, filter, request)
    const { found, next, searched } = yield* FilterSearch.search(rows, projectId, plan)
    return {
      items: yield* inOrder(rows, found),
      next,
      searched: plan.conditions.length === 0 ? null : searched,
    }
  })

/** The runs of a filter by their status, of the newest that a search looks at. */
const counts = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  { status: _status, ...filter }: SummaryFilter,
): Effect.Effect<StatusCounts, X> =>
  Effect.gen(function* () {
    const page = { after: undefined, limit: maxSearched }
    const plan = yield* FilterSearch.plan(rows, projectId, filter, page)
    const { conditions, range, start } = plan
    const needs = { ...plan.needs, states: true }
    const found = { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }
    let { before } = range
    let searched = 0
    while (searched < maxSearched) {
      const limit = Math.min(mostAtOnce(needs), maxSearched - searched)
      const some = yield* rows.candidates(projectId, start, { least: range.least, before, limit }, needs)
      for (const run of some) {
        before = run.key
        if (run.state !== undefined && conditions.every((matches) => matches(run)))
          found[run.state.status] += 1
      }
      searched += some.length
      if (some.length < limit) return { counts: found, searched, whole: true }
    }
    return { counts: found, searched, whole: false }
  })

/** The most claims of a summary. */
const maxClaims = 50

const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)

/** Whether the run has failed since it had no attempts left. */
const isExhausted = ({ error, status }: RunState): boolean =>
  status === "failed" && error?.code === exhaustedCode

/** How the claim ended that a run has ended with; null while it holds the run. */
const endOf = (state: RunState, expiresAt: number): ClaimEnd | null => {
  const { finishedAt, status } = state
  if (!isTerminal(status)) return null
  // Its holder may have handed back the last attempt.
  return isExhausted(state) && finishedAt !== null && expiresAt <= finishedAt ? "lease_expired" : status
}

/** The claim that holds a run, or that it has ended with. */
const lastClaim = ({ key, state }: StoredRun): ClaimRow | undefined => {
  const { attempt, finishedAt, holder, leaseEpoch } = state
  if (holder === null) return undefined
  return {
    ...holder,
    key,
    epoch: leaseEpoch,
    attempt,
    endedAt: finishedAt,
    ended: endOf(state, holder.expiresAt),
  }
}

/** The workers that made these claims. */
const workersOf = <X>(
  { workers }: RunReads<X>,
  claims: ReadonlyArray<ClaimRow>,
): Effect.Effect<ReadonlyMap<Ids.WorkerId, NamedWorker>, X> => {
  const ids = Array.from(new Set(claims.map(({ workerId }) => workerId)))
  return ids.length === 0 ? Effect.succeed(new Map()) : workers(ids)
}

/** Rows of runs as summaries: with their claims, and the names of those who made them. */
const toRecord = (claim: ClaimRow, workers: ReadonlyMap<Ids.WorkerId, NamedWorker>): ClaimRecord => ({
  epoch: claim.epoch,
  attempt: claim.attempt,
  workerId: claim.workerId,
  workerName: workers.get(claim.workerId)?.name ?? claim.workerId,
  claimedAt: instant(claim.claimedAt),
  renewals: claim.renewals,
  renewedAt: instant(claim.renewedAt),
  longestGap: claim.longestGap,
  expiresAt: instantOrNull(claim.expiresAt),
  endedAt: instantOrNull(claim.endedAt),
  ended: claim.ended,
})

const toSummary = (
  { labels, parentRunId, rootRunId, state, title }: SummaryRow,
  claims: ReadonlyArray<ClaimRecord>,
): RunSummary => {
  const { spec } = state
  return {
    runId: spec.runId,
    title,
    status: state.status,
    agentId: spec.agentId,
    conversationId: spec.conversationId,
    parentRunId,
    rootRunId,
    priority: spec.priority,
    attempt: state.attempt,
    maxAttempts: spec.maxAttempts,
    waiting: state.waiting,
    error: state.error,
    labels,
    ...reportedOf(state.log),
    children: state.children?.count ?? 0,
    claims,
    latestEventId: state.latestEventId,
    createdAt: instant(spec.createdAt),
    updatedAt: instant(state.updatedAt),
    availableAt: instant(state.availableAt),
    startedAt: instantOrNull(state.startedAt),
    finishedAt: instantOrNull(state.finishedAt),
  }
}

/** The claims of a run before its last one, as far as a summary has them. Most runs have one claim, and need no read for it. */
const earlierClaims = ({ key, state: { holder, leaseEpoch } }: SummaryRow) => {
  const last = holder === null ? leaseEpoch : leaseEpoch - 1
  return last === 0 ? [] : [{ key, first: leaseEpoch - maxClaims + 1, last }]
}

/** The summaries of runs, in their order. Reads the claims of all of them at once, and then the names of their workers. */
const ofRows = <X>(
  reads: RunReads<X>,
  runs: ReadonlyArray<SummaryRow>,
): Effect.Effect<ReadonlyArray<RunSummary>, X> =>
  Effect.gen(function* () {
    const ranges = runs.flatMap(earlierClaims)
    const earlier = ranges.length === 0 ? [] : yield* reads.summaries.claims(ranges)
    const claims = [...earlier, ...runs.flatMap((run) => lastClaim(run) ?? [])]
    const workers = yield* workersOf(reads, claims)
    const byRun = new Map(runs.map(({ key }) => [key, new Array<ClaimRow>()]))
    for (const claim of claims) byRun.get(claim.key)?.push(claim)
    return runs.map((run) =>
      toSummary(
        run,
        byRun
          .get(run.key)!
          .toSorted((a, b) => a.epoch - b.epoch)
          .map((claim) => toRecord(claim, workers)),
      ),
    )
  })

const maxHeld = 1000

const maxLost = 100

/** The most lost leases of which those of each worker are counted. */
const maxCounted = 10_000

const dayMillis = Duration.toMillis("1 day")

const defaultWaits = 20

const maxWaits = 100

/** The oldest pending runs among which the oldest runnable one is looked for. */
const maxOldest = 10_000

/** The most runs before another one that are counted. */
const maxAhead = 1000

const maxQueued = 10_000

/** The claim of a run that followed another one; a range where it has to be read. */
const following = (claim: ClaimRow, run: SummaryRow) => {
  const next = claim.epoch + 1
  const last = lastClaim(run)
  if (last?.epoch === next) return last
  return run.state.leaseEpoch >= next ? { key: claim.key, first: next, last: next } : undefined
}

const nameOf = ({ epoch, key }: Pick<ClaimRow, "epoch" | "key">): string => `${key} ${epoch}`

/** The leases that these claims have lost, with what became of their runs. */
const lostLeases = <X>(
  reads: RunReads<X>,
  claims: ReadonlyArray<ClaimRow>,
): Effect.Effect<ReadonlyArray<LostLease>, X> =>
  Effect.gen(function* () {
    const { summaries: rows } = reads
    const found = yield* inOrder(rows, Array.from(new Set(claims.map(({ key }) => key))))
    const runs = new Map(found.map((run) => [run.key, run]))
    const lost = claims.flatMap((claim) => {
      const run = runs.get(claim.key)
      return run === undefined ? [] : [{ claim, run, next: following(claim, run) }]
    })
    const ranges = lost.flatMap(({ next }) => (next !== undefined && "first" in next ? [next] : []))
    const earlier = ranges.length === 0 ? [] : yield* rows.claims(ranges)
    const nexts = new Map(
      [...earlier, ...lost.flatMap(({ next }) => (next !== undefined && "epoch" in next ? [next] : []))].map(
        (claim) => [nameOf(claim), claim],
      ),
    )
    const workers = yield* workersOf(reads, [...lost.map(({ claim }) => claim), ...nexts.values()])
    return lost.map(({ claim, run: { state, title } }) => {
      const next = nexts.get(`${claim.key} ${claim.epoch + 1}`)
      return {
        runId: state.spec.runId,
        title,
        agentId: state.spec.agentId,
        maxAttempts: state.spec.maxAttempts,
        claim: toRecord(claim, workers),
        next: next === undefined ? null : toRecord(next, workers),
        exhausted: claim.epoch === state.leaseEpoch && isExhausted(state),
      }
    })
  })

/** The position of a run at its limit. */
const limitStanding = <X>(
  { limits, summaries }: RunReads<X>,
  run: SummaryRow,
  now: number,
): Effect.Effect<LimitStanding | null, X> =>
  Effect.gen(function* () {
    const limit = LimitRules.behindOf(run.state)
    const { projectId } = run.state.spec
    const usage = limit === null ? undefined : yield* limits.find({ limit, projectId })
    if (usage === undefined) return null
    const { count: before } = yield* summaries.before(run, maxQueued)
    return { ...LimitKey.subjectOf(usage.limit), ...PendingRules.useOf(usage, now), before }
  })

/** The limit of its project, where that keeps a runnable run from starting. */
const projectStanding = <X>(
  limits: LimitReads<X>,
  { state }: SummaryRow,
  before: number,
  now: number,
): Effect.Effect<LimitStanding | null, X> =>
  Effect.map(limits.find(LimitRules.projectOf(state.spec)), (usage) => {
    if (usage === undefined || LimitRules.mayStart(usage, false, now)) return null
    return { ...LimitKey.subjectOf(usage.limit), ...PendingRules.useOf(usage, now), before }
  })

/** The position of a run among others. */
const standingOf = <X>(reads: RunReads<X>, run: SummaryRow, now: number): Effect.Effect<Standing, X> =>
  Effect.gen(function* () {
    const { limits, summaries: rows } = reads
    const { gate, status } = run.state
    const isBehind = gate === "behind" && status === "pending"
    const inLane = isBehind ? yield* rows.before(run, maxAhead) : { count: 0, first: undefined }
    const queuedBefore = isRunnable(run.state) ? (yield* rows.before(run, maxQueued)).count : null
    const oldest = inLane.first === undefined ? [] : yield* rows.find([inLane.first])
    const [first] = yield* ofRows(reads, oldest)
    return {
      now: DateTime.unsafeMake(now),
      gate: status === "pending" ? gate : null,
      ahead: first ?? null,
      runsAhead: inLane.count,
      queuedBefore,
      reason: run.state.pastAttempt?.reason ?? null,
      limit:
        queuedBefore !== null
          ? yield* projectStanding(limits, run, queuedBefore, now)
          : gate === "limited" && status === "pending"
            ? yield* limitStanding(reads, run, now)
            : null,
    }
  })

const workersInContact = (registry: WorkerRegistry["Type"]) =>
  Effect.catchTag(WorkersInContact.list(Context.make(WorkerRegistry, registry)), "InvalidCursor", Effect.die)

/** The versions of these open runs, and those of the workers. */
const versionsOf = (runs: ReadonlyArray<VersionRow>, workers: ReadonlyArray<RegisteredWorker>) => {
  const versions = new Map<string, VersionSummary>()
  const of = (version: string): VersionSummary =>
    versions.get(version) ?? { version, workers: 0, leases: 0, pending: 0, waiting: 0, oldest: null }
  for (const { oldest, ...row } of runs) {
    versions.set(row.version, { ...of(row.version), ...row, oldest: instantOrNull(oldest) })
  }
  for (const worker of workers) {
    const version = of(worker.version ?? "")
    const leases = version.leases + (worker.inFlight ?? 0)
    versions.set(version.version, { ...version, workers: version.workers + 1, leases })
  }
  return Array.from(versions.values()).toSorted((a, b) => (a.version < b.version ? -1 : 1))
}

/** The versions that have pending runs and no worker that claims them. */
const unclaimed = (runs: ReadonlyArray<VersionRow>, registry: WorkerRegistry["Type"]) =>
  Effect.map(workersInContact(registry), (workers) => {
    const claiming = new Set<string>()
    for (const { drain, status, version } of workers) {
      if (!drain && status !== "draining") claiming.add(version ?? "")
    }
    return versionsOf(runs, workers).filter(({ pending, version }) => pending > 0 && !claiming.has(version))
  })

/** `registry` is that of the project. */
export const ofProject = <X>(
  store: RunStore<X>,
  projectId: Ids.ProjectId,
  registry: WorkerRegistry["Type"],
): Summaries["Type"] => {
  const { reads } = store
  const { summaries: rows } = reads
  const { named, read: reading } = StoreReads.reading(store)

  const read = <A>(operation: string, effect: Effect.Effect<A, X>) => reading(operation, () => effect)

  return {
    run: (runId) =>
      named("Summaries.run", { projectId, runId }, (all, ref) =>
        Effect.flatMap(all.summaries.find(ref), (found) =>
          Effect.map(ofRows(all, found), ([summary]) => summary),
        ),
      ),

    standing: (runId) =>
      named("Summaries.standing", { projectId, runId }, (all, ref) =>
        Effect.flatMap(Effect.all([all.summaries.find(ref), all.now]), ([[found], instant]) =>
          found === undefined ? Effect.succeed(undefined) : standingOf(all, found, instant),
        ),
      ),

    runs: Effect.fnUntraced(function* (request = {}) {
      const found = Effect.flatMap(
        page(rows, projectId, request, yield* KeysetPage.placeOf(request)),
        ({ items, next, searched }) =>
          Effect.map(ofRows(reads, items), (summaries) => ({ items: summaries, next, searched })),
      )
      return yield* read("Summaries.runs", found)
    }),

    counts: (filter = {}) => read("Summaries.counts", counts(rows, projectId, filter)),

    held: (workerId) =>
      rows.heldBy(projectId, workerId, maxHeld).pipe(
        Effect.flatMap((keys) => inOrder(rows, keys)),
        Effect.flatMap((found) => ofRows(reads, found)),
        (runs) => read("Summaries.held", runs),
      ),

    versions: Effect.flatMap(read("Summaries.versions", rows.versions(projectId)), (runs) =>
      Effect.map(workersInContact(registry), (workers) => versionsOf(runs, workers)),
    ),

    workers: Effect.fnUntraced(function* (request) {
      const { items, next } = yield* registry.list(request)
      const [leases, lost] = yield* read(
        "Summaries.workers",
        Effect.flatMap(reads.now, (now) =>
          Effect.all([rows.leases(projectId), rows.lost(projectId, now - dayMillis, maxCounted)]),
        ),
      )
      const byWorker = new Map(leases.map((each) => [each.workerId, each]))
      const lostBy = new Map<Ids.WorkerId, number>()
      for (const { workerId } of lost) lostBy.set(workerId, (lostBy.get(workerId) ?? 0) + 1)
      return {
        items: items.map((worker) => ({
          worker,
          nextExpiry: instantOrNull(byWorker.get(worker.id)?.nextExpiry ?? null),
          renewedAt: instantOrNull(byWorker.get(worker.id)?.renewedAt ?? null),
          lost: lostBy.get(worker.id) ?? 0,
        })),
        next,
      }
    }),

    lost: (within) =>
      reads.now.pipe(
        Effect.flatMap((now) => rows.lost(projectId, now - Duration.toMillis(within), maxLost)),
        Effect.flatMap((claims) => lostLeases(reads, claims)),
        (leases) => read("Summaries.lost", leases),
      ),

    attention: Effect.fnUntraced(function* ({ limit = defaultWaits } = {}) {
      const { found, oldest, summaries, versions } = yield* read(
        "Summaries.attention",
        Effect.gen(function* () {
          const { asking, oldestRunnable } = yield* rows.attention(projectId, {
            asking: Math.min(Math.max(1, limit), maxWaits),
            oldest: maxOldest,
          })
          const inAll = yield* inOrder(
            rows,
            oldestRunnable === undefined ? asking : [...asking, oldestRunnable],
          )
          return {
            found: inAll,
            oldest: oldestRunnable,
            summaries: yield* ofRows(reads, inAll),
            versions: yield* rows.versions(projectId),
          }
        }),
      )
      // A run may have gone on between the reads.
      const first = summaries[found.findIndex(({ key }) => key === oldest)]
      return {
        waits: summaries.filter(({ waiting }) => waiting !== null && waiting.interrupts.length > 0),
        oldestPending: first?.status === "pending" ? first : null,
        versions: versions.every(({ pending }) => pending === 0) ? [] : yield* unclaimed(versions, registry),
      }
    }),
  }
}
