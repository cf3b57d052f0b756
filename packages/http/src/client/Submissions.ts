/**
 * Submissions over HTTP, new ones and those of a run once more.
 *
 * @since 0.1.0
 */
import { ControlPlaneError, Runs } from "@runlease/core"
import { Array, Effect, Either, Schema } from "effect"
import { type BatchAnswer, BatchAnswers, Submitted } from "../Api/RunBodies.js"
import * as Refusal from "../contract/Refusal.js"
import type { About, Tag } from "../contract/Verdict.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Submission } from "../Wire/Submission.js"
import * as ConversationRequest from "./ConversationRequest.js"
import { Extensions, missing } from "./Extensions.js"
import { RunLookup } from "./RunLookup.js"
import { lacks, path, Transport } from "./Transport.js"

const encodeSubmission = Schema.encodeSync(Submission)

/** The first part of a submission that the public API does not have. `isWritten`: its request becomes messages of a new conversation. */
const beyondPublic = (submission: Runs.Submission, isWritten: boolean): string | undefined => {
  if (!isWritten && submission.snapshot !== undefined) {
    return "a snapshot beside a conversation, or one of more than an input and messages of the user; add its messages to the conversation"
  }
  if (!isWritten && submission.conversationId === undefined) {
    return "a run without a conversation and a snapshot; create one first"
  }
  if (submission.priority !== undefined) return "a priority"
  if (submission.debounce !== undefined) return "a debounce"
  if (submission.availableAt !== undefined) return "a time before which the run waits"
  if (submission.maxAttempts !== undefined) return "a number of attempts"
  if (submission.ttlSeconds !== undefined) return "a time by which the run starts"
  if (submission.timeoutSeconds !== undefined) return "a timeout"
  if (submission.concurrencyKey !== undefined) return "a concurrency key"
  if (submission.concurrencyLimit !== undefined) return "a limit of a concurrency key"
  if (submission.limits !== undefined) return "limits with names"
  if (submission.fairnessKey !== undefined) return "a fairness key"
  if (submission.budget !== undefined) return "a budget"
  if (submission.multitask !== undefined) return "what becomes of a run that works"
  if (submission.labels !== undefined) return "labels"
  if (submission.batchId !== undefined) return "the id of a batch"
  return undefined
}

const refusals = [
  "SubmissionConflict",
  "ConversationBusy",
  "MessageRefused",
  "TooManyPending",
  "InvalidSubmission",
  "ConversationNotFound",
  "RunNotFound",
] as const

const aboutOf = (submission: Runs.Submission): About => ({
  publicId: submission.publicId,
  conversationId: submission.conversationId,
  runId: submission.parentRunId,
})

/** A refusal of one submission is a verdict; a failure of the control plane fails all of them. */
const verdictOf = <E extends { readonly _tag: string }>(
  submitted: Effect.Effect<Runs.Submitted, E | ControlPlaneError.ControlPlaneError>,
) =>
  Effect.catchAll(Effect.map(submitted, Either.right), (error) =>
    ControlPlaneError.isControlPlaneError(error)
      ? Effect.fail(error)
      : Effect.succeed(Either.left(error as Exclude<E, ControlPlaneError.ControlPlaneError>)),
  )

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Pick<Runs.Runs["Type"], "submit" | "submitMany" | "retry" | "fork">,
  never,
  Extensions | RunLookup | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const lookup = yield* RunLookup
  const extensions = yield* Extensions
  const writeRequest = yield* ConversationRequest.makeWrite

  const submitted = ({ debounced = false, duplicate = false, run, steered = false }: typeof Submitted.Type) =>
    Effect.map(lookup.toRun(run), (found) => ({ run: found, duplicate, steered, debounced }))

  const send = Effect.fnUntraced(function* <T extends Tag>(
    operation: string,
    to: string,
    body: unknown,
    expected: ReadonlyArray<T>,
    about: About,
  ) {
    return yield* submitted(
      yield* transport.call(
        { operation, method: "POST", path: to, body, success: Submitted },
        expected,
        about,
      ),
    )
  })

  const sendAgain: typeof send = (operation, ...request) =>
    extensions ? send(operation, ...request) : missing(operation, "submit a run again")

  const sendOne = (submission: Runs.Submission) =>
    send("Runs.submit", "/runs", encodeSubmission(submission), refusals, aboutOf(submission))

  /** What such a server takes: a run of a conversation, which has its request. */
  const submitPublic = Effect.fnUntraced(function* (submission: Runs.Submission) {
    const { conversationId, publicId, snapshot } = submission
    const messages =
      snapshot === undefined || conversationId !== undefined
        ? undefined
        : ConversationRequest.messagesOf(snapshot)
    const ours = beyondPublic(submission, messages !== undefined)
    if (ours !== undefined) return yield* missing("Runs.submit", `take ${ours}`)
    return yield* sendOne(
      messages === undefined
        ? submission
        : {
            ...submission,
            snapshot: undefined,
            conversationId: yield* writeRequest(messages, publicId),
          },
    )
  })

  const submit = Runs.submitChecked(extensions ? sendOne : submitPublic)

  /** What each of these became, as one after the other. */
  const oneByOne = (submissions: ReadonlyArray<Runs.SubmissionInput>) =>
    Effect.forEach(submissions, (submission) => verdictOf(submit(submission)), { concurrency: 16 })

  const answered = (submission: Runs.Submission, { body, status }: BatchAnswer) =>
    "run" in body
      ? submitted(body)
      : Verdicts.decode(
          "Runs.submitMany",
          refusals,
          aboutOf(submission),
        )(new Refusal.Refusal({ httpStatus: status, body }))

  const inOneCommit = Effect.fnUntraced(function* (submissions: ReadonlyArray<Runs.SubmissionInput>) {
    const checked = Array.map(yield* Runs.checkCount(submissions, Runs.maxSubmissions), Runs.check)
    const sent = Array.getRights(checked)
    const { answers } = yield* transport.request({
      operation: "Runs.submitMany",
      method: "POST",
      path: "/runs/batch",
      body: { runs: sent.map((submission) => encodeSubmission(submission)) },
      success: BatchAnswers,
    })
    let next = 0
    return yield* Effect.forEach(checked, (each) =>
      Either.isLeft(each)
        ? Effect.succeed(Either.left(each.left))
        : Effect.suspend(() => verdictOf(answered(each.right, answers[next++]!))),
    )
  })

  return {
    submit,

    // A server of another version, or of another maker, may not have the endpoint.
    submitMany: (submissions) =>
      extensions
        ? Effect.catchTag(inOneCommit(submissions), "Refusal", (refusal) =>
            lacks(refusal)
              ? oneByOne(submissions)
              : Verdicts.decode("Runs.submitMany", ["InvalidSubmission"], {})(refusal),
          )
        : Effect.flatMap(Runs.checkCount(submissions, Runs.maxSubmissions), oneByOne),

    retry: (runId, { fromStart, publicId } = {}) =>
      sendAgain(
        "Runs.retry",
        path`/runs/${runId}/retry`,
        { public_id: publicId, from_start: fromStart },
        [
          "RetryRefused",
          "RunUnfinished",
          "SubmissionConflict",
          "TooManyPending",
          "InvalidSubmission",
          "RunNotFound",
        ],
        { publicId, runId },
      ),

    fork: (runId, { after, publicId }) =>
      sendAgain(
        "Runs.fork",
        path`/runs/${runId}/fork`,
        { after_event_id: after, public_id: publicId },
        ["ForkRefused", "SubmissionConflict", "TooManyPending", "InvalidSubmission", "RunNotFound"],
        { publicId, runId, after },
      ),
  }
})
