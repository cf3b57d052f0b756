/**
 * The port `Summaries`, over the rows of a store.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import type * as Ids from "@runlease/core/Ids"
import type { LimitStanding, LostLease, Standing, Summaries } from "@runlease/core/Summaries"
import type { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { DateTime, Duration, Effect } from "effect"
import * as LimitKey from "../rules/LimitKey.js"
import { instantOrNull } from "../rules/RunState.js"
import { isRunnable } from "../rules/Transition.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as PendingRules from "../rules/PendingRules.js"
import type { LimitReads } from "../rows/LimitRows.js"
import type { RunReads, RunStore } from "../rows/RunStore.js"
import { isExhausted, lastClaim, namesOf, ofRows, toRecord } from "./RunSummaries.js"
import type { ClaimRow, SummaryRow, SummaryRows } from "../rows/SummaryRows.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as SummarySearch from "./SummarySearch.js"

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
  rows: SummaryRows<X>,
  claims: ReadonlyArray<ClaimRow>,
): Effect.Effect<ReadonlyArray<LostLease>, X> =>
  Effect.gen(function* () {
    const found = yield* SummarySearch.inOrder(rows, Array.from(new Set(claims.map(({ key }) => key))))
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
    const names = yield* namesOf(rows, [...lost.map(({ claim }) => claim), ...nexts.values()])
    return lost.map(({ claim, run: { state, title } }) => {
      const next = nexts.get(`${claim.key} ${claim.epoch + 1}`)
      return {
        runId: state.spec.runId,
        title,
        agentId: state.spec.agentId,
        maxAttempts: state.spec.maxAttempts,
        claim: toRecord(claim, names),
        next: next === undefined ? null : toRecord(next, names),
        exhausted: claim.epoch === state.leaseEpoch && isExhausted(state),
      }
    })
  })

/** The position of a run at its limit. */
const limitStanding = <X>(
  limits: LimitReads<X>,
  run: SummaryRow,
  now: number,
): Effect.Effect<LimitStanding | null, X> =>
  Effect.gen(function* () {
    const limit = LimitRules.behindOf(run.state)
    const { projectId } = run.state.spec
    const usage = limit === null ? undefined : yield* limits.find({ limit, projectId })
    if (usage === undefined) return null
    const before = yield* limits.before(run, maxQueued)
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
const standingOf = <X>(
  { limits, summaries: rows }: RunReads<X>,
  run: SummaryRow,
  now: number,
): Effect.Effect<Standing, X> =>
  Effect.gen(function* () {
    const { gate, status } = run.state
    const lane = gate === "behind" && status === "pending" ? yield* rows.aheadInLane(run, maxAhead) : []
    const queuedBefore = isRunnable(run.state) ? yield* rows.queuedBefore(run, maxQueued) : null
    const [first] = yield* Effect.flatMap(rows.ofKeys(lane.slice(0, 1)), (found) => ofRows(rows, found))
    return {
      now: DateTime.unsafeMake(now),
      gate: status === "pending" ? gate : null,
      ahead: first ?? null,
      runsAhead: lane.length,
      queuedBefore,
      reason: run.state.pastAttempt?.reason ?? null,
      limit:
        queuedBefore !== null
          ? yield* projectStanding(limits, run, queuedBefore, now)
          : gate === "limited" && status === "pending"
            ? yield* limitStanding(limits, run, now)
            : null,
    }
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
      named("Summaries.run", { projectId, runId }, ({ summaries }, ref) =>
        Effect.flatMap(summaries.find(ref), (found) =>
          found === undefined
            ? Effect.succeed(undefined)
            : Effect.map(ofRows(summaries, [found]), ([summary]) => summary),
        ),
      ),

    standing: (runId) =>
      named("Summaries.standing", { projectId, runId }, (all, ref) =>
        Effect.flatMap(Effect.all([all.summaries.find(ref), all.now]), ([found, instant]) =>
          found === undefined ? Effect.succeed(undefined) : standingOf(all, found, instant),
        ),
      ),

    runs: Effect.fnUntraced(function* (request = {}) {
      const page = Effect.flatMap(
        SummarySearch.page(rows, projectId, request, yield* KeysetPage.placeOf(request)),
        ({ items, next, searched }) =>
          Effect.map(ofRows(rows, items), (summaries) => ({ items: summaries, next, searched })),
      )
      return yield* read("Summaries.runs", page)
    }),

    counts: (filter = {}) => read("Summaries.counts", SummarySearch.counts(rows, projectId, filter)),

    held: (workerId) =>
      rows.heldBy(projectId, workerId, maxHeld).pipe(
        Effect.flatMap((keys) => SummarySearch.inOrder(rows, keys)),
        Effect.flatMap((found) => ofRows(rows, found)),
        (runs) => read("Summaries.held", runs),
      ),

    workers: Effect.fnUntraced(function* (request) {
      const { items, next } = yield* registry.list(request)
      const [leases, lost] = yield* read(
        "Summaries.workers",
        Effect.flatMap(reads.now, (now) =>
          Effect.all([rows.leases(projectId), rows.lostBy(projectId, now - dayMillis, maxCounted)]),
        ),
      )
      const byWorker = new Map(leases.map((each) => [each.workerId, each]))
      return {
        items: items.map((worker) => ({
          worker,
          nextExpiry: instantOrNull(byWorker.get(worker.id)?.nextExpiry ?? null),
          renewedAt: instantOrNull(byWorker.get(worker.id)?.renewedAt ?? null),
          lost: lost.get(worker.id) ?? 0,
        })),
        next,
      }
    }),

    lost: (within) =>
      reads.now.pipe(
        Effect.flatMap((now) => rows.lost(projectId, now - Duration.toMillis(within), maxLost)),
        Effect.flatMap((claims) => lostLeases(rows, claims)),
        (leases) => read("Summaries.lost", leases),
      ),

    attention: ({ limit = defaultWaits } = {}) =>
      Effect.gen(function* () {
        const asking = yield* rows.asking(projectId, Math.min(Math.max(1, limit), maxWaits))
        const oldest = yield* rows.oldestRunnable(projectId, maxOldest)
        const found = yield* SummarySearch.inOrder(rows, oldest === undefined ? asking : [...asking, oldest])
        const summaries = yield* ofRows(rows, found)
        // A run may have gone on between the reads.
        const first = summaries[found.findIndex(({ key }) => key === oldest)]
        return {
          waits: summaries.filter(({ waiting }) => waiting !== null && waiting.interrupts.length > 0),
          oldestPending: first?.status === "pending" ? first : null,
        }
      }).pipe((attention) => read("Summaries.attention", attention)),
  }
}
