import type { Claims as Port, Ids, Run } from "@runlease/core"
import { type Context, Duration, Effect, Schema } from "effect"
import * as Verdicts from "../contract/Verdicts.js"
import { Replies } from "../Api/Exchange.js"
import { Claimed, maxWaitSeconds } from "../Api/Workers.js"
import * as ConversationRequest from "./ConversationRequest.js"
import { Extensions, missing } from "./Extensions.js"
import { Credentials } from "./Credentials.js"
import { Exchange, kind } from "./Exchange.js"
import { RunLookup } from "./RunLookup.js"
import { path, Transport } from "./Transport.js"

const operation = "Claims.claim"

const claim = kind(operation, Replies.claim)
const release = kind("Leases.release", Schema.Unknown)

export const make: Effect.Effect<
  Context.Tag.Service<Port.Claims>,
  never,
  Extensions | Credentials | Exchange | RunLookup | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const credentials = yield* Credentials
  const exchange = yield* Exchange
  const lookup = yield* RunLookup
  const extensions = yield* Extensions
  const readRequest = yield* ConversationRequest.makeRead
  // Workers whose last claim was full. There may be more runs, so their next claim does not wait.
  const sated = new Set<Ids.WorkerId>()

  const handBack = (workerId: Ids.WorkerId, runs: ReadonlyArray<Run.ClaimedRun>) =>
    Effect.forEach(
      runs,
      ({ leaseEpoch, runId }) =>
        exchange.perform(
          {
            kind: release,
            workerId,
            sent: {
              operation: "release",
              run_id: runId,
              lease_epoch: leaseEpoch,
              reason: "the claim's caller was gone",
            },
          },
          Effect.void,
        ),
      { concurrency: "unbounded", discard: true },
      // When this fails too, the leases lapse.
    ).pipe(Effect.ignoreLogged)

  const optionsOf = ({ agentIds = [], ahead = 0, claimId, leaseDuration }: Port.ClaimRequest) => ({
    lease_duration_seconds: Math.round(Duration.toSeconds(leaseDuration)),
    ...(claimId === undefined || !extensions ? {} : { claim_id: claimId }),
    ...(agentIds.length === 0 ? {} : { agent_ids: agentIds }),
    ...(ahead === 0 || !extensions ? {} : { ahead }),
  })

  const byItself = Effect.fnUntraced(function* (request: Port.ClaimRequest, waitSeconds: number) {
    const { token } = yield* credentials.of(request.workerId)
    const { run, runs } = yield* transport.request({
      operation,
      method: "POST",
      path: path`/agent-workers/workers/${request.workerId}/claim`,
      token,
      body: {
        ...optionsOf(request),
        ...(request.limit !== 1 && extensions ? { limit: request.limit } : {}),
        ...(waitSeconds > 0 ? { wait_seconds: waitSeconds } : {}),
      },
      success: Claimed,
      wait: Duration.seconds(waitSeconds),
    })
    return runs ?? (run === null ? [] : [run])
  })

  const withOthers = (request: Port.ClaimRequest) =>
    exchange.perform(
      {
        kind: claim,
        workerId: request.workerId,
        sent: { operation: "claim", limit: request.limit, ...optionsOf(request) },
        onAbandoned: ({ runs }) => handBack(request.workerId, runs),
      },
      Effect.map(byItself(request, 0), (runs) => ({ runs })),
    )

  return {
    claim: Effect.fnUntraced(
      function* (request) {
        if (!extensions && (request.agentIds ?? []).length > 0) {
          return yield* missing(operation, "claim the runs of some agents only")
        }
        const { limit, wait, workerId } = request
        if (limit === 0) return extensions ? (yield* withOthers(request)).runs : []
        const waitSeconds = extensions
          ? Math.min(maxWaitSeconds, Math.ceil(Duration.toSeconds(wait ?? 0)))
          : 0
        let claimed: ReadonlyArray<Run.ClaimedRun> = []
        if (waitSeconds === 0 || sated.has(workerId)) claimed = (yield* withOthers(request)).runs
        if (waitSeconds > 0 && claimed.length === 0) claimed = yield* byItself(request, waitSeconds)
        if (claimed.length < limit) sated.delete(workerId)
        else sated.add(workerId)
        for (const { conversationId, runId } of claimed) lookup.learn(runId, conversationId)
        return extensions ? claimed : yield* Effect.forEach(claimed, readRequest)
      },
      (claiming, { workerId }) =>
        Effect.catchTag(claiming, "Refusal", Verdicts.decode(operation, ["WorkerNotFound"], { workerId })),
    ),
  }
})
