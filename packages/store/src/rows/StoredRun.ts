/** A run as a store has it, and what a commit changes of it. */
import type { AcceptedInput } from "@runlease/core/FollowUp"
import type * as Ids from "@runlease/core/Ids"
import type { Labels } from "@runlease/core/Labels"
import type { MessagePart, RequestSnapshot } from "@runlease/core/RequestSnapshot"
import type { ResumeRecord } from "@runlease/core/ResumeRules"
import type { WorkerSession } from "@runlease/core/WorkerSession"
import type { EndedClaim, RunDetails, RunState } from "../rules/RunState.js"
import type { NewEntry, Transition } from "../rules/Transition.js"
import * as RunTransitions from "../rules/RunTransitions.js"

/** Names a run, or an input that a run has accepted. */
export interface RunRef {
  readonly projectId: Ids.ProjectId
  readonly runId: Ids.RunId
}

/** The store's own name of a run. It grows with each submission: of two runs, the older has the lower key. */
export type RunKey = number

export interface StoredRun {
  readonly key: RunKey
  readonly state: RunState
}

/** The order in which claims take runs: the highest priority first, then the lowest rank, then the oldest. */
export const byPreference = (a: StoredRun, b: StoredRun): number =>
  b.state.spec.priority - a.state.spec.priority || a.state.rank - b.state.rank || a.key - b.key

/**
 * A run that a submission makes. `title` is that of its snapshot. `submission` is the request as text, to be compared with another of
 * the same public id. `conversation`: `new` is made with the run, `named` was named by its submission, `same` is that of the run that it
 * repeats.
 */
export interface NewRun {
  readonly state: RunState
  readonly details: RunDetails
  readonly title: string | null
  readonly submission: string
  readonly snapshot: RequestSnapshot
  readonly conversation: "new" | "named" | "same"
}

/** A message of a user that the conversation of a run gets. */
export interface UserMessage {
  readonly id: Ids.MessageId
  readonly key: string | undefined
  readonly parts: ReadonlyArray<MessagePart>
}

/** Changes of what is stored with a run's state. What is absent stays. */
export interface DetailChanges {
  readonly metadata?: RunDetails["metadata"] | undefined
  readonly result?: unknown
  readonly session?: WorkerSession | undefined
  readonly resume?: ResumeRecord | undefined
  /** What the run gets in the place of the request that it was submitted with, and its title. */
  readonly request?: Pick<NewRun, "snapshot" | "title"> | undefined
  readonly inputs?: ReadonlyArray<AcceptedInput> | undefined
  /** Claims of the run that ended without an outcome. */
  readonly claims?: ReadonlyArray<EndedClaim> | undefined
  readonly messages?: ReadonlyArray<UserMessage> | undefined
  /** The labels of the run, as they were before its changes and as they are after them. */
  readonly labels?: { readonly before: Labels; readonly after: Labels } | undefined
}

/** A new run, with the transition that made it, and what it has of another run. */
export interface AddedRun {
  readonly run: NewRun
  readonly made: Transition
  readonly has?: Pick<DetailChanges, "resume" | "session"> | undefined
}

/** Nothing changes besides the state. */
export const noDetails: DetailChanges = {}

/** Both changes, the later one last. */
export const mergeDetails = (before: DetailChanges, after: DetailChanges): DetailChanges =>
  before === noDetails
    ? after
    : {
        ...before,
        ...after,
        ...(before.labels === undefined || after.labels === undefined
          ? {}
          : { labels: { before: before.labels.before, after: after.labels.after } }),
        inputs: [...(before.inputs ?? []), ...(after.inputs ?? [])],
        claims: [...(before.claims ?? []), ...(after.claims ?? [])],
        messages: [...(before.messages ?? []), ...(after.messages ?? [])],
      }

/** How one run has changed in a commit: its state before and after, and the entries that its log gets. */
export interface Change {
  readonly key: RunKey
  readonly before: RunState
  readonly after: RunState
  readonly entries: ReadonlyArray<NewEntry>
  readonly details: DetailChanges
}

/** The changes that let the first unfinished runs of lanes go, for a store that reads those runs before it writes them. */
export const advanced = (
  heads: ReadonlyArray<StoredRun>,
  now: number,
  admits: boolean,
): ReadonlyArray<Change> =>
  heads.flatMap(({ key, state }) => {
    const transition = RunTransitions.advance(state, now, admits)
    return transition === undefined
      ? []
      : [{ key, before: state, after: transition.state, entries: transition.entries, details: noDetails }]
  })

/** A changed run as it is now. */
export const afterChange = ({ after, key }: Change): StoredRun => ({ key, state: after })
