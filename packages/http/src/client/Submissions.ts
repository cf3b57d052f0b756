/**
 * Submissions over HTTP.
 *
 * @since 0.1.0
 */
import { Runs } from "@runlease/core"
import { type Context, Effect, Schema } from "effect"
import { Submitted } from "../Api/RunBodies.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Submission } from "../Wire/Submission.js"
import { type Extensions, missing } from "./Extensions.js"
import { ofOurs } from "./PublicRuns.js"
import type { RunLookup } from "./RunLookup.js"
import type { Transport } from "./Transport.js"

const encodeSubmission = Schema.encodeSync(Submission)

interface Parts {
  readonly transport: Context.Tag.Service<Transport>
  readonly lookup: Context.Tag.Service<RunLookup>
  readonly extensions: Context.Tag.Service<Extensions>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = ({
  extensions,
  lookup,
  transport,
}: Parts): Pick<Context.Tag.Service<Runs.Runs>, "submit"> => ({
  submit: Runs.submitChecked(
    Effect.fnUntraced(function* (submission: Runs.Submission) {
      const ours = extensions ? undefined : ofOurs(submission)
      if (ours !== undefined) return yield* missing("Runs.submit", `take ${ours}`)
      const { duplicate, run, steered } = yield* transport
        .request({
          operation: "Runs.submit",
          method: "POST",
          path: "/runs",
          body: encodeSubmission(submission),
          success: Submitted,
        })
        .pipe(
          Effect.catchTag(
            "Refusal",
            Verdicts.decode(
              "Runs.submit",
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
            ),
          ),
        )
      return {
        run: yield* lookup.toRun(run),
        duplicate: duplicate ?? false,
        steered: steered ?? false,
      }
    }),
  ),
})
