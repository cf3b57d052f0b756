/**
 * The state of the control plane in memory, and the one way to change it.
 */
import { DateTime, Effect, type Either } from "effect"
import type { ResumeRecord } from "../rules/ResumeRules.js"
import { type RunDetails, type RunState, toRun } from "../rules/RunState.js"
import type { Conversation, ConversationMessage } from "../ports/Conversations.js"
import type * as Ids from "../model/Ids.js"
import type { TakenInput } from "../ports/FollowUp.js"
import type { EventId, Run } from "../model/Run.js"
import type { LogEntry } from "../ports/RunLog.js"
import * as StoreClock from "../store/StoreClock.js"
import * as Wakeups from "../store/Wakeups.js"
import type { RegisteredWorker } from "../ports/WorkerRegistry.js"

/** A run, its log and what is stored beside it. */
export interface RunRecord {
  state: RunState
  details: RunDetails
  /** Grows with each submission of the project: the age among runs of one priority. */
  readonly order: number
  /** The submission as it was sent, as canonical JSON. */
  readonly submission: string
  resume: ResumeRecord
  /** Event `n` is at index `n - 1`. */
  readonly entries: Array<LogEntry>
  /** The bytes of each event's JSON. */
  readonly sizes: Array<number>
}

/** The run as its clients see it. */
export const runOf = ({ details, state }: RunRecord): Run => toRun(state, details)

export interface ConversationRecord {
  conversation: Conversation
  readonly messages: Array<ConversationMessage>
  readonly byIdempotencyKey: Map<string, ConversationMessage>
}

/** One project's share. Maps and sets are in the order of insertion, which is the order of submission. */
export interface ProjectState {
  readonly runs: Map<Ids.RunId, RunRecord>
  /** The inputs that runs have taken since they were submitted, by their public ids. */
  readonly inputs: Map<Ids.RunId, TakenInput>
  /** The unfinished runs of each lane; the first is the one that may run. */
  readonly lanes: Map<string, Set<RunRecord>>
  readonly pending: Set<RunRecord>
  readonly workers: Map<Ids.WorkerId, RegisteredWorker>
  readonly conversations: Map<Ids.ConversationId, ConversationRecord>
  /** Conversations that lost a run to pruning. */
  readonly thinned: Set<Ids.ConversationId>
  /** How many runs were ever submitted. */
  submitted: number
}

/** One step of the state, and the wake-ups that follow it. */
export interface Step {
  readonly now: number
  readonly at: DateTime.Utc
  readonly state: State
  readonly runnable: Array<Wakeups.Route>
  /** The last event of each log that grew. */
  readonly grown: Map<string, EventId>
  readonly cancelled: Array<{ readonly workerId: Ids.WorkerId; readonly runId: Ids.RunId }>
}

export interface State {
  /** The store's time, in milliseconds. */
  readonly now: Effect.Effect<number>
  readonly wakeups: Wakeups.Wakeups
  readonly projects: Map<Ids.ProjectId, ProjectState>
  /** Runs that time alone changes: under a lease, delayed, or waiting for answers until some time. */
  readonly timed: Set<RunRecord>
}

export const make: Effect.Effect<State> = Effect.map(
  Effect.all({ now: StoreClock.make, wakeups: Wakeups.make }),
  ({ now, wakeups }) => ({
    now,
    wakeups,
    projects: new Map(),
    timed: new Set(),
  }),
)

export const projectOf = (state: State, projectId: Ids.ProjectId): ProjectState => {
  const before = state.projects.get(projectId)
  if (before !== undefined) return before
  const project: ProjectState = {
    runs: new Map(),
    inputs: new Map(),
    lanes: new Map(),
    pending: new Set(),
    workers: new Map(),
    conversations: new Map(),
    thinned: new Set(),
    submitted: 0,
  }
  state.projects.set(projectId, project)
  return project
}

/**
 * Runs `change` as one step: it is synchronous, so no other fiber sees the state half changed. A step that
 * gives a Left has changed nothing but what was due anyway.
 */
export const step = <A, E>(state: State, change: (step: Step) => Either.Either<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(state.now, (now) =>
    Effect.suspend(() => {
      const step: Step = {
        now,
        at: DateTime.unsafeMake(now),
        state,
        runnable: [],
        grown: new Map(),
        cancelled: [],
      }
      const result = change(step)
      return Effect.zipRight(announce(step), result)
    }),
  ).pipe(Effect.uninterruptible)

const announce = (step: Step): Effect.Effect<void> => {
  const { wakeups } = step.state
  return Effect.all(
    [
      wakeups.logsGrew(Array.from(step.grown, ([log, latest]) => ({ log, latest }))),
      Effect.forEach(
        step.cancelled,
        ({ workerId, runId }) => wakeups.signal(workerId, { _tag: "Cancelled", runId }),
        { discard: true },
      ),
      wakeups.runnable(step.runnable),
    ],
    { discard: true },
  )
}
