/**
 * The state of the control plane in memory, and the ways to change it.
 */
import type { Conversation, ConversationMessage } from "@runlease/core/Conversations"
import type { AcceptedInput } from "@runlease/core/FollowUp"
import type * as Ids from "@runlease/core/Ids"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import type { ResumeRecord } from "@runlease/core/ResumeRules"
import type { Run } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import type { RegisteredWorker } from "@runlease/core/WorkerRegistry"
import { DateTime, Effect, type Either, Exit, Runtime } from "effect"
import { type EndedClaim, type RunDetails, type RunState, toRun } from "../rules/RunState.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import type { LimitUsage } from "../rules/LimitRules.js"
import type { CounterSum } from "../rows/CounterRows.js"
import type { NamedSetting } from "../rows/LimitRows.js"
import type { RunKey, RunRef } from "../rows/RunRows.js"
import type { StoredRecord } from "../rows/Records.js"
import * as StoreClock from "../rows/StoreClock.js"

/** A run, its log and what is stored with it. */
export interface MemoryRun {
  readonly key: RunKey
  state: RunState
  details: RunDetails
  title: string | null
  /** Its claims that ended without an outcome, the oldest first. */
  readonly claims: Array<EndedClaim>
  /** The submission as it was sent, as canonical JSON. */
  readonly submission: string
  firstSnapshot: RequestSnapshot
  resume: ResumeRecord
  /** Event `n` is at index `n - 1`. */
  readonly entries: Array<LogEntry>
  /** The bytes of each event's JSON. */
  readonly sizes: Array<number>
}

/** The run as its clients see it. */
export const runOf = ({ details, state }: MemoryRun): Run => toRun(state, details)

export interface ConversationRecord {
  /** Grows with each conversation of the store. */
  readonly key: number
  conversation: Conversation
  /** Whether the list of conversations has it. */
  listed: boolean
  readonly messages: Array<ConversationMessage>
  readonly byIdempotencyKey: Map<string, ConversationMessage>
}

/** A fairness key in a set: where its next run begins at the earliest. */
export interface Flow {
  readonly set: string
  readonly priority: number
  readonly key: string
  readonly finish: number
  readonly updatedAt: number
}

/** One project's share. Maps and sets are in the order of insertion, which is the order of submission. */
export interface ProjectState {
  readonly runs: Map<Ids.RunId, MemoryRun>
  /** The inputs that runs have accepted since they were submitted, by their public ids. */
  readonly inputs: Map<Ids.RunId, AcceptedInput>
  /** The unfinished runs of each lane; the first is the one that may run. */
  readonly lanes: Map<string, Set<MemoryRun>>
  /** The limits of concurrency, by their names. */
  readonly limits: Map<string, LimitUsage>
  readonly namedLimits: Map<string, NamedSetting>
  /** How far the ranks of each fairness key go, by its name and that of its set. */
  readonly flows: Map<string, Flow>
  readonly workers: Map<Ids.WorkerId, RegisteredWorker>
  readonly conversations: Map<Ids.ConversationId, ConversationRecord>
  /** Conversations that lost a run to pruning. */
  readonly thinned: Set<Ids.ConversationId>
  /** The counters of runs, by their keys. */
  readonly counters: Map<string, CounterSum>
}

/** Records in the order of their keys, and the key of the one that was made last. */
export interface Table<R> {
  readonly rows: Map<number, StoredRecord<R>>
  lastKey: number
}

export interface State {
  /** The store's time, in milliseconds. */
  readonly now: Effect.Effect<number>
  readonly projects: Map<Ids.ProjectId, ProjectState>
  readonly records: Map<RunKey, MemoryRun>
  readonly pending: Set<MemoryRun>
  /** Runs that time alone changes: under a lease, delayed, or waiting for answers until some time. */
  readonly timed: Set<MemoryRun>
  /** The tables of records, by their names. */
  readonly recordTables: Map<string, Table<unknown>>
  /** The key of the run that was submitted last. */
  lastKey: RunKey
  /** The key of the conversation that was added last. */
  lastConversation: number
  /** The key of the limit that was added last. */
  lastLimit: number
  /** The instant of the transaction that is running. */
  instant: number
  /** What takes back the changes of the transaction that is running, the last change first. */
  undo: Array<() => void>
}

export const make: Effect.Effect<State> = Effect.map(StoreClock.make, (now) => ({
  now,
  projects: new Map(),
  records: new Map(),
  pending: new Set(),
  timed: new Set(),
  recordTables: new Map(),
  lastKey: 0,
  lastConversation: 0,
  lastLimit: 0,
  instant: 0,
  undo: [],
}))

export const projectOf = (state: State, projectId: Ids.ProjectId): ProjectState => {
  const before = state.projects.get(projectId)
  if (before !== undefined) return before
  const project: ProjectState = {
    runs: new Map(),
    inputs: new Map(),
    lanes: new Map(),
    limits: new Map(),
    namedLimits: new Map(),
    flows: new Map(),
    workers: new Map(),
    conversations: new Map(),
    thinned: new Set(),
    counters: new Map(),
  }
  state.projects.set(projectId, project)
  return project
}

export const findRecord = (state: State, { projectId, runId }: RunRef): MemoryRun | undefined =>
  state.projects.get(projectId)?.runs.get(runId)

const setMember = <A>(set: Set<A>, member: A, isMember: boolean): void => {
  if (isMember) set.add(member)
  else set.delete(member)
}

/** Puts a run where its state belongs. The run is in no lane once it has ended, or with `gone`. */
export const place = (state: State, record: MemoryRun, gone = false): void => {
  const { finishedAt, spec, status } = record.state
  setMember(state.pending, record, !gone && status === "pending")
  setMember(state.timed, record, !gone && RunTransitions.dueAt(record.state) !== null)
  if (spec.lane === null) return
  const { lanes } = projectOf(state, spec.projectId)
  const lane = lanes.get(spec.lane) ?? new Set()
  setMember(lane, record, !gone && finishedAt === null)
  if (lane.size === 0) lanes.delete(spec.lane)
  else lanes.set(spec.lane, lane)
}

/** The instant of a step. */
export interface Step {
  readonly now: number
  readonly at: DateTime.Utc
  readonly state: State
}

/**
 * Runs `change` as one step: it is synchronous, so no other fiber sees the state half changed. A step that returns a Left has
 * changed nothing.
 */
export const step = <A, E>(state: State, change: (step: Step) => Either.Either<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(state.now, (now) =>
    Effect.suspend(() => {
      const result = change({ now, at: DateTime.unsafeMake(now), state })
      state.undo = []
      return result
    }),
  )

/** Runs an effect, all of whose parts are synchronous, as one step. If it fails, its changes are undone. */
export const transact = <A, E>(state: State, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Effect.zip(Effect.runtime<never>(), state.now), ([runtime, now]) =>
    Effect.suspend(() => {
      state.instant = now
      const exit = Runtime.runSyncExit(runtime)(effect)
      if (Exit.isFailure(exit)) for (const takeBack of state.undo.toReversed()) takeBack()
      state.undo = []
      return exit
    }),
  )
