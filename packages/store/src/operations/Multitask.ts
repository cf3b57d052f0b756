/**
 * A submission to a lane with unfinished runs: what becomes of them, and of it.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import { isTerminal, type RunEnded } from "@runlease/core/Run"
import { ConversationBusy, type MessageRefused, type Submission } from "@runlease/core/Runs"
import { Either } from "effect"
import * as InboxTransitions from "../rules/InboxTransitions.js"
import type { Transition } from "../rules/Transition.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { DetailChanges, RunRef, StoredRun, UserMessage } from "../rows/RunRows.js"

interface Request {
  readonly submission: Submission
  /** What a run of the lane gets instead of a submission that steers. */
  readonly messages: ReadonlyArray<UserMessage>
}

/** Whether the submission looks at the runs of its lane. */
export const inspectsLane = ({
  submission: { multitask = "enqueue" },
}: Pick<Request, "submission">): boolean => multitask !== "enqueue"

/** Those of these runs that have not ended by now. */
export const unfinishedOf = <X>(batch: RunBatch<X>, refs: ReadonlyArray<RunRef>): ReadonlyArray<StoredRun> =>
  refs.flatMap((ref) => batch.find(ref) ?? []).filter(({ state }) => !isTerminal(state.status))

/** Sends a run all of the messages or none. */
const send = <X>(
  batch: RunBatch<X>,
  run: StoredRun,
  messages: ReadonlyArray<UserMessage>,
  details: (run: StoredRun) => DetailChanges,
): Either.Either<StoredRun, MessageRefused> => {
  const transitions: Array<Transition> = []
  for (const { id, parts } of messages) {
    const made: Either.Either<Transition, RunEnded | MessageRefused> = InboxTransitions.tell(
      transitions.at(-1)?.state ?? run.state,
      { id, parts },
      batch.now,
    )
    // The run has not ended.
    if (Either.isLeft(made)) return Either.left(made.left as MessageRefused)
    transitions.push(made.right)
  }
  batch.describe(run, { ...details(run), messages })
  return Either.right(transitions.reduce((before, made) => batch.apply(before, made), run))
}

/** No worker has claimed the run, so it has done nothing yet. One that was handed back, or that waits, has begun. */
const hasNotBegun = ({ state }: StoredRun): boolean => state.status === "pending" && state.startedAt === null

/** Whether the submission goes to a run of its lane. */
export const becomesMessage = <X>(
  batch: RunBatch<X>,
  request: Request,
  lane: ReadonlyArray<RunRef>,
): boolean => request.submission.multitask === "steer" && unfinishedOf(batch, lane).length > 0

/** The runs of its lane that end where the submission becomes a run. */
export const ending = <X>(
  batch: RunBatch<X>,
  { submission: { multitask } }: Pick<Request, "submission">,
  lane: ReadonlyArray<RunRef>,
): ReadonlyArray<StoredRun> => {
  if (multitask !== "interrupt" && multitask !== "latest") return []
  const unfinished = unfinishedOf(batch, lane)
  return multitask === "interrupt" ? unfinished : unfinished.filter(hasNotBegun)
}

/** Cancels a run as `Runs.cancel` does. */
const cancel = <X>(batch: RunBatch<X>, run: StoredRun): void => {
  const ended = RunTransitions.end(run.state, undefined, { status: "cancelled" }, batch.now)
  if (Either.isRight(ended)) batch.apply(run, ended.right)
}

/**
 * Changes the runs of the lane as the submission requests; they are named from the oldest on. Returns the run that got the
 * messages of the submission, and then changes its `details` too; undefined where the submission is to be a run.
 */
export const decide = <X>(
  batch: RunBatch<X>,
  request: Request,
  lane: ReadonlyArray<RunRef>,
  details: (first: StoredRun) => DetailChanges,
): Either.Either<StoredRun | undefined, ConversationBusy | MessageRefused> => {
  const [first] = unfinishedOf(batch, lane)
  if (first === undefined) return Either.right(undefined)
  switch (request.submission.multitask) {
    case "reject":
      return Either.left(new ConversationBusy({ runId: first.state.spec.runId }))
    case "interrupt":
    case "latest":
      for (const run of ending(batch, request, lane)) cancel(batch, run)
      return Either.right(undefined)
    case "steer":
      return send(batch, first, request.messages, details)
    default:
      return Either.right(undefined)
  }
}
