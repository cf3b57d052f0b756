import type { Claims as Port } from "@runlease/core"
import { WorkerRegistry } from "@runlease/core"
import { type Context, Duration, Effect } from "effect"
import { Claimed, maxWaitSeconds } from "../Api/Workers.js"
import { Credentials } from "./Credentials.js"
import { leaseSeconds } from "./LeaseSeconds.js"
import { path, Transport, unexpected } from "./Transport.js"

const operation = "Claims.claim"

export const make: Effect.Effect<
  Context.Tag.Service<Port.Claims>,
  never,
  Credentials | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const credentials = yield* Credentials

  return {
    claim: Effect.fn(operation)(function* ({ agentIds, leaseDuration, limit, wait, workerId }) {
      const { token } = yield* credentials.of(workerId)
      const waitSeconds = Math.min(maxWaitSeconds, Math.ceil(Duration.toSeconds(wait ?? 0)))
      const { run, runs } = yield* transport
        .request({
          operation,
          method: "POST",
          path: path`/agent-workers/workers/${workerId}/claim`,
          token,
          body: {
            lease_duration_seconds: leaseSeconds(leaseDuration),
            ...(limit > 1 ? { limit } : {}),
            ...(waitSeconds > 0 ? { wait_seconds: waitSeconds } : {}),
            ...(agentIds === undefined || agentIds.length === 0 ? {} : { agent_ids: agentIds }),
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
      return runs ?? (run === null ? [] : [run])
    }),
  }
})
