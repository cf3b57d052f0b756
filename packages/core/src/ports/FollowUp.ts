/**
 * The next input of a run's client while the run waits, and what it makes of the run.
 *
 * Source: docs/decisions/0032-follow-up-inputs.md
 */
import type * as Ids from "../model/Ids.js"
import type { Answer } from "../model/Interrupt.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import type { EventId, Run } from "../model/Run.js"

/**
 * An input that a client sends to go on.
 *
 * `publicId`: the name of what follows, which the client chooses, unique among the runs and inputs of the project. `resume`:
 * answers by the ids of interrupts or of tool calls. `results`: those of tool calls that the snapshot's messages have; what
 * names no open tool of the client is ignored, since every later input holds the old ones too. `snapshot`: what the run goes
 * on with, unless it has no messages.
 */
export interface FollowUp {
  readonly publicId: Ids.RunId
  readonly resume: ReadonlyArray<Answer>
  readonly results: ReadonlyArray<Answer>
  readonly snapshot: RequestSnapshot
}

/**
 * What an input has made of a run.
 *
 * - `Continued`: all that was open has an answer, and the run resumes after event `since`, the request for them. A `duplicate`
 *   changed nothing.
 * - `Answered`: the run has these very answers already, but not from a recorded input.
 * - `Uncovered`: interrupts that are no tools of the client have no answer. Nothing has changed.
 * - `Left`: the input does not continue this run and may become a separate run. A run whose last input came by a
 *   protocol for which a call of the client's tool ends a run is completed; any other waits on, or had ended.
 */
export type FollowedUp =
  | { readonly _tag: "Continued"; readonly run: Run; readonly since: EventId; readonly duplicate: boolean }
  | { readonly _tag: "Answered"; readonly run: Run }
  | { readonly _tag: "Uncovered"; readonly run: Run; readonly open: ReadonlyArray<string> }
  | { readonly _tag: "Left"; readonly run: Run }

/** An input that a run has accepted. `since` is 0 for a submission that became a message: the run did not wait for it. */
export interface AcceptedInput {
  readonly runId: Ids.RunId
  readonly publicId: Ids.RunId
  readonly since: EventId
  readonly fingerprint: string
}
