/**
 * The runs that one commit works on: read together, changed in memory, written together.
 *
 * All operations of a commit share one batch. The store may hold an older state of a run than the batch, so operations find runs in the
 * batch. What only some runs have is a trait, which the batch enters at the first run that uses it: a commit of plain runs enters none.
 *
 * Source: docs/decisions/0010-one-batch-per-commit.md, docs/decisions/0133-traits.md
 */
import type { LogEvent } from "@runlease/core/AgentEvent"
import { DateTime, Duration, Effect, Iterable } from "effect"
import * as FairRules from "../rules/FairRules.js"
import * as RolloutRules from "../rules/RolloutRules.js"
import * as WebhookRules from "../rules/WebhookRules.js"
import * as LimitRules from "../rules/LimitRules.js"
import type { RunState } from "../rules/RunState.js"
import { type Consequence, isRunnable, type NewEntry, type Transition } from "../rules/Transition.js"
import * as CounterRows from "../rows/CounterRows.js"
import { byPreference, type Found, type Lane, type RunRows } from "../rows/RunRows.js"
import type { LogPiece } from "../rows/RunStore.js"
import {
  type AddedRun,
  type Change,
  type DetailChanges,
  mergeDetails,
  noDetails,
  type RunKey,
  type RunRef,
  type StoredRun,
} from "../rows/StoredRun.js"
import * as Fairness from "../traits/Fairness.js"
import * as Families from "../traits/Families.js"
import * as Limits from "../traits/Limits.js"
import * as Webhooks from "../traits/Webhooks.js"
import type { WebhookProjects } from "../traits/WebhookProjects.js"
import * as WaitingClaims from "./WaitingClaims.js"
import type * as ClaimSearch from "./ClaimSearch.js"
import type { RememberedLeases } from "./RememberedLeases.js"
import * as StoreMetrics from "./StoreMetrics.js"
import { type LogGrowth, logKey, slowPoll, type Wakeups } from "./Wakeups.js"

/**
 * Which limits there are that no submission names: as of now where the commit has searched, otherwise as of the last search or setting of
 * this process. `read`: whether this process has read that once. `additions`: how often it has noted one outside of a search.
 */
export type LimitsSeen = { -readonly [K in keyof LimitRules.ScopedLimits]: boolean } & {
  read: boolean
  additions: number
}

/** Nothing was read yet. */
export const noLimitsSeen = (): LimitsSeen => ({ ...LimitRules.noScopedLimits, read: false, additions: 0 })

/** Notes that there is such a limit. */
export const addLimit = (memory: LimitsSeen, scope: keyof LimitRules.ScopedLimits): void => {
  memory.additions += 1
  memory[scope] = true
}

/** Notes what a search has found. It forgets no limit where one was noted since it began, after so many `additions`: it may have missed that. */
export const noteLimits = (memory: LimitsSeen, additions: number, found: LimitRules.ScopedLimits): void => {
  const keeps = memory.additions !== additions
  memory.agents = found.agents || (keeps && memory.agents)
  memory.projects = found.projects || (keeps && memory.projects)
  memory.named = found.named || (keeps && memory.named)
  memory.read = true
}

/**
 * What this process remembers from one commit to the next. `routes` is undefined until it has met a run with a fairness key. `pinned`: the last
 * search has found that a pending run is pinned. `rolloutProjects`: the projects that may have rollouts.
 */
export interface Memory {
  readonly leases: RememberedLeases
  readonly limitsSeen: LimitsSeen
  readonly webhookProjects: WebhookProjects
  readonly rolloutProjects: Set<string>
  routes: Fairness.Routes | undefined
  pinned: boolean
}

export interface RunBatch<X> {
  readonly limitsSeen: LimitsSeen
  /** The projects that may have rollouts. */
  readonly rolloutProjects: Set<string>
  /** The instant of the commit. */
  readonly now: number
  readonly rows: RunRows<X>
  /** The search of the commit for its claims, and what it has found; undefined when it has none. */
  readonly search: { readonly plan: ClaimSearch.Plan; readonly found: Found } | undefined
  /** Reads the runs that the batch does not have yet; `find` does not find those that do not exist. */
  readonly load: (refs: ReadonlyArray<RunRef>) => Effect.Effect<void, X>
  /** Adds a run that was just read, unless the batch has it; returns it as it is in the batch. */
  readonly add: (run: StoredRun) => StoredRun
  /** A run of the batch, after its transitions so far. */
  readonly find: (ref: RunRef) => StoredRun | undefined
  /** Makes the transition of a run of the batch. Its consequences follow when the batch is written. */
  readonly apply: (run: StoredRun, transition: Transition, details?: DetailChanges) => StoredRun
  /** Adds events of projects that are of no run, for webhooks. */
  readonly notify: (events: ReadonlyArray<WebhookRules.WebhookEvent>) => void
  /** Changes what is stored with a run of the batch. */
  readonly describe: (run: StoredRun, details: DetailChanges) => void
  /** The limits of the commit, which it enters. */
  readonly limits: () => Limits.Limits<X>
  /** Whether a limit may be in the way of a run. */
  readonly mayBeLimited: (run: StoredRun) => boolean
  /** Makes the transitions that follow for the trees of the runs, and those that follow from them. */
  readonly settle: Effect.Effect<void, X>
  /** Decides requests one after the other. What the end of a run means is settled before the next one. */
  readonly inTurn: <Request, Verdict>(
    requests: ReadonlyArray<Request>,
    decide: (request: Request) => Verdict,
  ) => Effect.Effect<ReadonlyArray<Verdict>, X>
  /** Adds new runs, each with the transition that made it, and offers them to waiting claims: `later` where the commit may end them yet. */
  readonly insert: (runs: ReadonlyArray<AddedRun>, offer: "now" | "later") => Effect.Effect<void, X>
  /** Writes what has changed so far, families included, for a query that must see it: with names, only where one of these details has. */
  readonly flush: (...names: ReadonlyArray<keyof DetailChanges>) => Effect.Effect<void, X>
  /** What belongs to these runs, such as `rows.details`. It is read with the last writes of the commit: the map is empty until then. */
  readonly late: <A>(
    runs: ReadonlyArray<StoredRun>,
    read: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, A>, X>,
  ) => ReadonlyMap<RunKey, A>
  /** Writes what has changed, reads the late details, and ends the transaction. */
  readonly finish: Effect.Effect<void, X>
  /** Everything that is to run once the commit has succeeded, wake-ups included. */
  readonly after: Effect.Effect<void>
  /** Remembers the leases that the commit has written. Runs once it has succeeded, before another one begins. */
  readonly remember: () => void
  /** Forgets the runs of this commit, which has failed or is repeated. The waiting claims that would have got some of them look again. */
  readonly undo: () => void
}

/**
 * What a batch begins with: the instant of the commit, the runs that it names and has read, those that it remembers, the search of
 * its claims, and the hand-over of runs that become runnable.
 */
export interface Beginning<X> {
  readonly now: number
  readonly runs: ReadonlyArray<StoredRun>
  readonly remembered: ReadonlyArray<StoredRun>
  readonly search: RunBatch<X>["search"]
  readonly handOver: WaitingClaims.HandOver<X>
}

/** A run of the batch: as the store has it, as it is now, and what is to be written of it. */
interface Entry {
  readonly log: string
  stored: RunState
  run: StoredRun
  entries: Array<NewEntry>
  details: DetailChanges
  /** Whether the run was remembered, and the store has not compared it yet. */
  unchecked: boolean
}

/** Readers own what they get, so each event is made anew from its text. */
const pieceOf = (entries: ReadonlyArray<NewEntry>, now: number): LogPiece => {
  const createdAt = DateTime.unsafeMake(now)
  return {
    entries: entries.map(({ eventId, sequence, text }) => ({
      eventId,
      sequence,
      event: JSON.parse(text) as LogEvent,
      createdAt,
    })),
    bytes: entries.reduce((bytes, { text }) => bytes + text.length, 0),
  }
}

const changesSome = (details: DetailChanges, names: ReadonlyArray<keyof DetailChanges>): boolean =>
  names.some((name) => {
    const change = details[name]
    return Array.isArray(change) ? change.length > 0 : change !== undefined
  })

export const make = <X>(
  rows: RunRows<X>,
  wakeups: Wakeups,
  memory: Memory,
  { handOver, now, remembered, runs, search }: Beginning<X>,
): RunBatch<X> => {
  const { limitsSeen, leases, rolloutProjects, webhookProjects } = memory
  const measured = StoreMetrics.ofCommit()
  const counters = CounterRows.make(now)
  const entries = new Map<string, Entry>()
  /** Those with something to write. */
  const changed = new Set<Entry>()
  /** Those that became runnable in this commit. */
  const runnable = new Set<Entry>()
  /** Those that may have entered a set with ranks. */
  const entering = new Set<Entry>()
  /** Lanes whose first run has ended. */
  const lanes: Array<Lane> = []
  /** Logs that grew by what was written. */
  const grown: Array<LogGrowth> = []
  const signals: Array<Extract<Consequence, { readonly _tag: "Signalled" }>> = []
  const ofTrees: Families.Consequences = { endedChildren: [], endedParents: [], budgets: [] }
  const lateReads: Array<Effect.Effect<void, X>> = []

  // The traits, each undefined until a run of this commit uses it.
  let limitsEntered: Limits.Limits<X> | undefined
  let familiesEntered: Families.Families<X> | undefined
  let fairnessEntered: Fairness.Fairness<X> | undefined
  let webhooksEntered: Webhooks.Webhooks<X> | undefined

  const limits = (): Limits.Limits<X> =>
    (limitsEntered ??= Limits.enter({
      now,
      rows,
      limitsSeen,
      add,
      apply,
      letIn: measured.letIn,
      pollMillis: Duration.toMillis(slowPoll),
      write: writeRanked,
    }))

  const families = (): Families.Families<X> =>
    (familiesEntered ??= Families.enter({ now, rows, consequences: ofTrees, load, add, find, apply }))

  const routes = (): Fairness.Routes => (memory.routes ??= Fairness.makeRoutes())

  const fairness = (): Fairness.Fairness<X> =>
    (fairnessEntered ??= Fairness.enter({ apply, entered: takeEntered }, rows, routes()))

  const webhooks = (): Webhooks.Webhooks<X> =>
    (webhooksEntered ??= Webhooks.enter({
      now,
      rows,
      projects: webhookProjects,
      labelsOf: (run) => entryOf(run).details.labels,
    }))

  const enter = (run: StoredRun, unchecked = false): Entry => {
    const log = logKey(run.state.spec)
    const entry: Entry = { log, stored: run.state, run, entries: [], details: noDetails, unchecked }
    entries.set(log, entry)
    if (run.state.spec.fairness !== null) routes().add(run.state)
    return entry
  }

  const entryOf = ({ state }: StoredRun): Entry => entries.get(logKey(state.spec))!

  const find = (ref: RunRef): StoredRun | undefined => entries.get(logKey(ref))?.run

  const add = (run: StoredRun): StoredRun => find(run.state.spec) ?? enter(run).run

  const load = (refs: ReadonlyArray<RunRef>): Effect.Effect<void, X> => {
    const missing = refs.filter((ref) => !entries.has(logKey(ref)))
    return missing.length === 0 ? Effect.void : Effect.map(rows.find(missing), (read) => read.forEach(add))
  }

  const describeEntry = (entry: Entry, details: DetailChanges): void => {
    entry.details = mergeDetails(entry.details, details)
    changed.add(entry)
  }

  const follow = (entry: Entry, consequence: Consequence): void => {
    const { spec } = entry.run.state
    switch (consequence._tag) {
      case "Runnable":
        runnable.add(entry)
        return
      case "LaneFreed":
        lanes.push({ projectId: spec.projectId, lane: consequence.lane })
        return
      case "Signalled":
        signals.push(consequence)
        return
      case "ClaimEnded":
        describeEntry(entry, { claims: [consequence.claim] })
        measured.claimEnded(consequence.claim)
        return
      case "ChildEnded":
        ofTrees.endedChildren.push({
          parent: { projectId: spec.projectId, runId: consequence.parent },
          child: spec,
        })
        return
      case "ParentEnded":
        ofTrees.endedParents.push(spec)
        return
      default:
        ofTrees.budgets.push({ from: spec, consequence })
    }
  }

  /** Whether a run that enters a set may get a rank: it has a key, or this process has met one. */
  const mayBeRanked = ({ spec }: RunState): boolean =>
    spec.fairness !== null || memory.routes?.some() === true

  const change = (entry: Entry, { consequences, entries: added, state }: Transition): StoredRun => {
    const before = entry.run.state
    if (state.limits !== null || before.limits !== null) limits().changed(before, state)
    if (mayBeRanked(state) && FairRules.enters(before, state)) entering.add(entry)
    entry.run = { key: entry.run.key, state }
    if (state.status !== before.status && webhookProjects.names?.has(state.spec.projectId) !== false) {
      for (const event of WebhookRules.ofRun(state)) webhooks().add(event, entry.run)
    }
    entry.entries.push(...added)
    changed.add(entry)
    for (const consequence of consequences) follow(entry, consequence)
    return entry.run
  }

  const apply = (run: StoredRun, transition: Transition, details?: DetailChanges): StoredRun => {
    const entry = entryOf(run)
    if (details !== undefined) describeEntry(entry, details)
    return change(entry, transition)
  }

  const takeEntered = (): Array<StoredRun> => {
    const entered = Array.from(entering, ({ run }) => run)
    entering.clear()
    return entered
  }

  /** Those that no operation has claimed since. */
  const stillRunnable = (): Array<StoredRun> =>
    runnable.size === 0 ? [] : Array.from(runnable, ({ run }) => run).filter(({ state }) => isRunnable(state))

  for (const run of remembered) enter(run, true)
  for (const run of runs) add(run)

  // Trees

  const isSettled = (): boolean =>
    ofTrees.endedChildren.length === 0 && ofTrees.endedParents.length === 0 && ofTrees.budgets.length === 0

  const settle: Effect.Effect<void, X> = Effect.gen(function* () {
    while (!isSettled()) yield* families().followUp
  })

  const inTurn = <Request, Verdict>(
    requests: ReadonlyArray<Request>,
    decide: (request: Request) => Verdict,
  ) =>
    Effect.gen(function* () {
      const verdicts: Array<Verdict> = []
      for (const request of requests) {
        if (!isSettled()) yield* settle
        verdicts.push(decide(request))
      }
      if (!isSettled()) yield* settle
      return verdicts
    })

  // Runs that go to claims which wait

  const mayBeLimited = ({ state }: StoredRun): boolean =>
    state.limits !== null || limitsSeen.agents || limitsSeen.projects

  const followsRollout = (state: RunState): boolean =>
    rolloutProjects.has(state.spec.projectId) && RolloutRules.isFollowed(state)

  /** Hands runs that became runnable to claims that wait, the best first. The limits of their projects, and of these others, are locked. */
  const handRunnable = (others: ReadonlyArray<StoredRun> = []): Effect.Effect<void, X> =>
    Effect.gen(function* () {
      if (limitsSeen.projects) yield* limits().lockProjects([...stillRunnable(), ...others])
      for (const run of stillRunnable().sort(byPreference)) {
        // A claim that searches looks at the rollout of its agent.
        if (rolloutProjects.size > 0 && followsRollout(run.state)) continue
        const limited = mayBeLimited(run)
        if (limited && !limits().mayStart(run)) continue
        const claimed = handOver.offer(run, limited ? limits().project(run)?.limit : undefined)
        if (claimed !== undefined) apply(run, claimed)
      }
    })

  /** The limit of the project of a new run, where it has room for one more next to `others`. */
  const placeOf = (state: RunState, others: number): string | null | undefined => {
    if (!limitsSeen.projects) return null
    const limit = limits().project({ key: 0, state })
    if (limit === undefined) return null
    return limits().hasRoom(limit, others) ? limit.limit : undefined
  }

  const insert = (added: ReadonlyArray<AddedRun>, offer: "now" | "later"): Effect.Effect<void, X> =>
    Effect.gen(function* () {
      const to = offer === "now" ? handOver : WaitingClaims.noHandOver
      if (to.hands) {
        const others = limitsSeen.projects ? added.map(({ run: { state } }) => ({ key: 0, state })) : []
        yield* handRunnable(others)
      }
      const offered = to.offerNew(added, placeOf)
      const inserted = offered.runs.some(({ run }) => mayBeRanked(run.state))
        ? yield* fairness().rankNew(offered.runs)
        : offered.runs
      const keys = yield* rows.insert(inserted.map(({ run }) => run))
      offered.stored(keys)
      for (const [index, { has, made, run }] of inserted.entries()) {
        const { state } = run
        counters.inserted(state)
        if (state.limits !== null) limits().changed(undefined, state)
        const entry = enter({ key: keys[index]!, state })
        change(entry, made)
        if (has !== undefined) describeEntry(entry, has)
      }
    })

  // Writes

  /** What is to be written of a run, which counts as stored from then on. */
  const take = (entry: Entry): Change => {
    const { details, entries: added, log, run, stored } = entry
    if (added.length > 0) {
      const latest = added.at(-1)?.eventId
      grown.push({ log, latest, piece: () => pieceOf(added, now) })
    }
    counters.changed(stored, run.state)
    entry.stored = run.state
    entry.entries = []
    entry.details = noDetails
    entry.unchecked = false
    return { key: run.key, before: stored, after: run.state, entries: added, details }
  }

  /** Writes what has changed since the last write. */
  const write = (): Effect.Effect<void, X> => {
    if (changed.size === 0) return Effect.void
    const changes = Array.from(changed, take)
    changed.clear()
    return rows.write(changes, measured.counted(counters.take()))
  }

  const writeRanked: Effect.Effect<void, X> = Effect.gen(function* () {
    if (entering.size > 0) yield* fairness().rank
    yield* write()
  })

  /** Lets in, or out, the runs at limits that have changed. */
  const admit = Effect.suspend(() => limitsEntered?.admit ?? Effect.void)

  /**
   * Lets the first run of each freed lane go, after all changes are written. A run that continues frees no lane. `admits`: the commit lets
   * runs in at their limits after it.
   */
  const advance = (admits: boolean): Effect.Effect<void, X> =>
    lanes.length === 0
      ? Effect.void
      : Effect.map(rows.advanceLanes(lanes.splice(0), admits), (gone) => {
          for (const run of gone) {
            const { state } = run
            const entry = entryOf(add(run))
            if (state.limits !== null) limits().changed({ ...state, gate: "behind" }, state)
            entry.stored = state
            entry.run = run
            if (isRunnable(state)) runnable.add(entry)
            if (mayBeRanked(state)) entering.add(entry)
          }
        })

  const flush = (...names: ReadonlyArray<keyof DetailChanges>): Effect.Effect<void, X> =>
    Effect.gen(function* () {
      yield* settle
      const isChanged =
        changed.size > 0 &&
        (names.length === 0 || Iterable.some(changed, ({ details }) => changesSome(details, names)))
      if (isChanged) {
        if (entering.size > 0) yield* fairness().rank
        yield* rows.together([write(), advance(true)])
        yield* writeRanked
      }
      if (isChanged || names.length === 0) yield* admit
    })

  const finish: Effect.Effect<void, X> = Effect.gen(function* () {
    if (!isSettled()) yield* settle
    if (handOver.hands) yield* handRunnable()
    if (entering.size > 0) yield* fairness().rank
    // The store compares the runs that were remembered, also where they have not changed.
    for (const entry of entries.values()) if (entry.unchecked) changed.add(entry)

    // The next run of a lane may get the limit of its project, and a run that a changed limit lets in may go to a claim that waits.
    const mayGetLimit = limitsSeen.projects && lanes.length > 0 && handOver.hands
    const limited = limitsEntered?.someChanged() === true || mayGetLimit
    // The next run of a lane may go to a claim that waits, or get a rank, which is a further write: the transaction ends only after that.
    const advances = lanes.length > 0 && (wakeups.claims.someWait() || memory.routes?.some() === true)
    if (limited || advances) {
      yield* rows.together([write(), advance(limited)])
      if (limited) {
        yield* writeRanked
        yield* admit
      }
      if (handOver.hands) yield* handRunnable()
      if (limited) {
        yield* writeRanked
        yield* admit
      }
      if (entering.size > 0) yield* fairness().rank
    }
    if (webhooksEntered !== undefined) yield* webhooksEntered.prepare
    yield* rows.together(
      [
        write(),
        advance(false),
        ...lateReads,
        handOver.read(),
        ...(fairnessEntered?.store() ?? []),
        ...(webhooksEntered?.store() ?? []),
      ],
      "commit",
    )
  })

  const late = <A>(
    of: ReadonlyArray<StoredRun>,
    read: (of: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, A>, X>,
  ): ReadonlyMap<RunKey, A> => {
    const details = new Map<RunKey, A>()
    if (of.length > 0) {
      lateReads.push(Effect.map(read(of), (all) => all.forEach((value, key) => details.set(key, value))))
    }
    return details
  }

  return {
    now,
    rows,
    search,
    limitsSeen,
    rolloutProjects,
    load,
    add,
    find,
    apply,
    notify: (events) => {
      for (const event of events) {
        if (webhookProjects.names?.has(event.projectId) !== false) webhooks().add(event)
      }
    },
    describe: (run, details) => describeEntry(entryOf(run), details),
    limits,
    mayBeLimited,
    settle,
    inTurn,
    insert,
    flush,
    late,
    finish,
    after: Effect.gen(function* () {
      yield* handOver.deliver
      const left = stillRunnable()
      if (left.length > 0) {
        yield* wakeups.runnable(left.map(({ state: { spec, version } }) => ({ ...spec, version })))
      }
      if (limitsEntered?.checksSoon() === true) yield* wakeups.dueSooner
      if (webhooksEntered?.some() === true) yield* wakeups.messages
      if (limitsEntered !== undefined && limitsEntered.freed.size > 0)
        yield* wakeups.freed(limitsEntered.freed)
      yield* measured.publish
      if (grown.length > 0) yield* wakeups.logsGrew(grown)
      for (const { signal, workerId } of signals) yield* wakeups.signal(workerId, signal)
    }),
    remember: () => {
      for (const entry of entries.values()) leases.remember(entry.run)
    },
    undo: () => {
      for (const entry of entries.values()) leases.forget(entry.run)
      handOver.undo()
    },
  }
}
