/**
 * Runs that are submitted once more, over HTTP.
 *
 * @since 0.1.0
 */
import type { Runs } from "@runlease/core"
import { Effect } from "effect"
import { Submitted } from "../Api/RunBodies.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Extensions, missing } from "./Extensions.js"
import { RunLookup } from "./RunLookup.js"
import { path, Transport } from "./Transport.js"

export const make: Effect.Effect<
  Pick<Runs.Runs["Type"], "retry" | "fork">,
  never,
  Extensions | RunLookup | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const lookup = yield* RunLookup
  const extensions = yield* Extensions

  const resubmit = Effect.fnUntraced(function* (operation: string, to: string, body: object) {
    if (!extensions) return yield* missing(operation, "submit a run again")
    const { duplicate, run } = yield* transport.request({
      operation,
      method: "POST",
      path: to,
      body,
      success: Submitted,
    })
    return { run: yield* lookup.toRun(run), duplicate: duplicate ?? false }
  })

  return {
    retry: (runId, options) =>
      Effect.catchTag(
        resubmit("Runs.retry", path`/runs/${runId}/retry`, { public_id: options?.publicId }),
        "Refusal",
        Verdicts.decode(
          "Runs.retry",
          ["RunUnfinished", "SubmissionConflict", "InvalidSubmission", "RunNotFound"],
          { publicId: options?.publicId, runId },
        ),
      ),

    fork: (runId, { after, publicId }) =>
      Effect.catchTag(
        resubmit("Runs.fork", path`/runs/${runId}/fork`, { after_event_id: after, public_id: publicId }),
        "Refusal",
        Verdicts.decode(
          "Runs.fork",
          ["ForkRefused", "SubmissionConflict", "InvalidSubmission", "RunNotFound"],
          { publicId, runId, after },
        ),
      ),
  }
})
