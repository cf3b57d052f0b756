import type { Claims as Port } from "@runlease/core"
import { WorkerRegistry } from "@runlease/core"
import { type Context, Duration, Effect } from "effect"
import { Claimed, maxWaitSeconds } from "../Api/Workers.js"
import { Additions, missing } from "./Additions.js"
import { Credentials } from "./Credentials.js"
import { leaseSeconds } from "./LeaseSeconds.js"
import { RunViews } from "./RunViews.js"
import { path, Transport, unexpected } from "./Transport.js"

const operation = "Claims.claim"

export const make: Effect.Effect<
  Context.Tag.Service<Port.Claims>,
  never,
  Additions | Credentials | RunViews | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const credentials = yield* Credentials
  const views = yield* RunViews
  const additions = yield* Additions

  return {
    claim: Effect.fn(operation)(function* ({ agentIds, leaseDuration, limit, wait, workerId }) {
      const { token } = yield* credentials.of(workerId)
      const chosen = agentIds ?? []
      if (chosen.length > 0 && !additions)
        return yield* missing(operation, "claim the runs of some agents only")
      const waitSeconds = additions ? Math.min(maxWaitSeconds, Math.ceil(Duration.toSeconds(wait ?? 0))) : 0
      const { run, runs } = yield* transport
        .request({
          operation,
          method: "POST",
          path: path`/agent-workers/workers/${workerId}/claim`,
          token,
          body: {
            lease_duration_seconds: leaseSeconds(leaseDuration),
            ...(limit > 1 && additions ? { limit } : {}),
            ...(waitSeconds > 0 ? { wait_seconds: waitSeconds } : {}),
            ...(chosen.length === 0 ? {} : { agent_ids: chosen }),
          },
          success: Claimed,
          wait: Duration.seconds(waitSeconds),
        })
        .pipe(
          Effect.catchTag("Refused", (refused) =>
            Effect.fail(
              refused.httpStatus === 404
                ? new WorkerRegistry.WorkerNotFound({ workerId })
                : unexpected(operation)(refused),
            ),
          ),
        )
      const claimed = runs ?? (run === null ? [] : [run])
      yield* Effect.forEach(claimed, ({ conversationId, runId }) => views.learn(runId, conversationId), {
        discard: true,
      })
      return claimed
    }),
  }
})
