/**
 * What a commit writes of runs: those that it adds, and how others have changed.
 *
 * @since 0.1.0
 */
import type * as Ids from "../../model/Ids.js"
import type { MessagePart, RequestSnapshot } from "../../model/RequestSnapshot.js"
import type { WorkerSession } from "../../model/WorkerSession.js"
import type { TakenInput } from "../../ports/FollowUp.js"
import type { ResumeRecord } from "../../rules/ResumeRules.js"
import type { EndedClaim, RunDetails, RunState } from "../../rules/RunState.js"
import type { NewEntry } from "../../rules/Transition.js"
import type { RunKey } from "./RunRows.js"

/**
 * A run that a submission makes. `title` is that of its snapshot. `submission` is the request as text, to be compared with another of
 * the same public id; `newConversation` when its conversation is made with it.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewRun {
  readonly state: RunState
  readonly details: RunDetails
  readonly title: string | null
  readonly submission: string
  readonly snapshot: RequestSnapshot
  readonly newConversation: boolean
}

/** A message that a run has been told, for its conversation. */
export interface ToldMessage {
  readonly id: Ids.MessageId
  readonly key: string | undefined
  readonly parts: ReadonlyArray<MessagePart>
}

/** Changes of what is stored beside a run's state. What is absent stays. */
export interface DetailChanges {
  readonly metadata?: RunDetails["metadata"] | undefined
  readonly result?: unknown
  readonly session?: WorkerSession | undefined
  readonly resume?: ResumeRecord | undefined
  readonly inputs?: ReadonlyArray<TakenInput> | undefined
  /** Claims of the run that ended without an outcome. */
  readonly claims?: ReadonlyArray<EndedClaim> | undefined
  /** Messages of a user that the conversation of the run gets. */
  readonly messages?: ReadonlyArray<ToldMessage> | undefined
}

/**
 * How one run has changed in a commit: its state before and after, and the entries that its log gets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  readonly key: RunKey
  readonly before: RunState
  readonly after: RunState
  readonly entries: ReadonlyArray<NewEntry>
  readonly details: DetailChanges
}
