/**
 * Submissions over HTTP, new ones and those of a run once more.
 *
 * @since 0.1.0
 */
import { Runs } from "@runlease/core"
import { Effect, Schema } from "effect"
import { Submitted } from "../Api/RunBodies.js"
import type { About, Tag } from "../contract/Verdict.js"
import { Submission } from "../Wire/Submission.js"
import { Extensions, missing } from "./Extensions.js"
import { RunLookup } from "./RunLookup.js"
import { path, Transport } from "./Transport.js"

const encodeSubmission = Schema.encodeSync(Submission)

/** The first part of a submission that the public API does not have. */
const ofOurs = (submission: Runs.Submission): string | undefined => {
  if (submission.conversationId === undefined) return "a run without a conversation; create one first"
  if (submission.snapshot?.input !== undefined) {
    return "an input; add it to the conversation as a message whose text is its JSON"
  }
  if (submission.snapshot !== undefined) return "a snapshot; add its messages to the conversation"
  if (submission.priority !== undefined) return "a priority"
  if (submission.availableAt !== undefined) return "a time before which the run waits"
  if (submission.maxAttempts !== undefined) return "a number of attempts"
  if (submission.ttlSeconds !== undefined) return "a time by which the run starts"
  if (submission.timeoutSeconds !== undefined) return "a timeout"
  if (submission.concurrencyKey !== undefined) return "a concurrency key"
  if (submission.budget !== undefined) return "a budget"
  if (submission.multitask !== undefined) return "what becomes of a run that works"
  return undefined
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Pick<Runs.Runs["Type"], "submit" | "retry" | "fork">,
  never,
  Extensions | RunLookup | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const lookup = yield* RunLookup
  const extensions = yield* Extensions

  const send = Effect.fnUntraced(function* <T extends Tag>(
    operation: string,
    to: string,
    body: unknown,
    expected: ReadonlyArray<T>,
    about: About,
  ) {
    const { duplicate, run, steered } = yield* transport.call(
      { operation, method: "POST", path: to, body, success: Submitted },
      expected,
      about,
    )
    return { run: yield* lookup.toRun(run), duplicate: duplicate ?? false, steered: steered ?? false }
  })

  const sendAgain: typeof send = (operation, ...request) =>
    extensions ? send(operation, ...request) : missing(operation, "submit a run again")

  return {
    submit: Runs.submitChecked((submission: Runs.Submission) => {
      const ours = extensions ? undefined : ofOurs(submission)
      return ours === undefined
        ? send(
            "Runs.submit",
            "/runs",
            encodeSubmission(submission),
            [
              "SubmissionConflict",
              "ConversationBusy",
              "MessageRefused",
              "InvalidSubmission",
              "ConversationNotFound",
              "RunNotFound",
            ],
            {
              publicId: submission.publicId,
              conversationId: submission.conversationId,
              runId: submission.parentRunId,
            },
          )
        : missing("Runs.submit", `take ${ours}`)
    }),

    retry: (runId, { publicId } = {}) =>
      sendAgain(
        "Runs.retry",
        path`/runs/${runId}/retry`,
        { public_id: publicId },
        ["RunUnfinished", "SubmissionConflict", "InvalidSubmission", "RunNotFound"],
        { publicId, runId },
      ),

    fork: (runId, { after, publicId }) =>
      sendAgain(
        "Runs.fork",
        path`/runs/${runId}/fork`,
        { after_event_id: after, public_id: publicId },
        ["ForkRefused", "SubmissionConflict", "InvalidSubmission", "RunNotFound"],
        { publicId, runId, after },
      ),
  }
})
