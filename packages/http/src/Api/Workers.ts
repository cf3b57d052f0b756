/**
 * Workers: register, claim, keep and hand back.
 *
 * @since 0.1.0
 */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Ids, Leases, Run } from "@runlease/core"
import { Duration, Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { pageParams, nullish, orEmpty, pageOf } from "../Wire.js"
import { ClaimedRun, RenewedRun } from "../Wire/ClaimedRun.js"
import * as Interrupt from "../Wire/Interrupt.js"
import { SessionRecord, WorkerSession } from "../Wire/Session.js"
import { Registration, Worker } from "../Wire/Worker.js"
import { Fence } from "./Fence.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const workerPath = Schema.Struct({ worker_id: Ids.WorkerId })
const runPath = Schema.Struct({ worker_id: Ids.WorkerId, run_id: Ids.RunId })

const leaseSeconds = nullish(Schema.Int.pipe(Schema.between(5, 300))).annotations({
  description: "5 to 300, 60 when absent",
})

/** Seconds. The length of a lease when the request does not give one. */
export const defaultLeaseSeconds = 60

export const maxWaitSeconds = 30

/** The most leases that one request renews. */
export const maxRenewals = 1000

/** Seconds. The longest time limit of a wait; a wait without a time limit has no end. */
export const maxExpirySeconds = 31_536_000

const LeaseOptions = Schema.Struct({ lease_duration_seconds: leaseSeconds })

export const ClaimOptions = Schema.Struct({
  lease_duration_seconds: leaseSeconds,
  limit: nullish(Schema.Int.pipe(Schema.between(1, 100))),
  wait_seconds: nullish(Schema.Int.pipe(Schema.between(0, maxWaitSeconds))),
  agent_ids: nullish(Schema.Array(Ids.AgentId)),
  claim_id: nullish(Ids.ClaimId).annotations({
    description: "Names this claim, so that it can be sent again when its answer is lost",
  }),
})

export const Claimed = Schema.Struct({
  run: Schema.NullOr(ClaimedRun),
  runs: Schema.optional(Schema.Array(ClaimedRun)),
})

export const Registered = Schema.Struct({ worker: Worker, token: Schema.String })

/** A status that is none of ours, as another client may send it, is looked over. */
const HeartbeatOptions = Schema.Struct({
  status: nullish(Schema.String).annotations({ description: "active, draining, or ended" }),
})

export const HeartbeatReply = Schema.Struct({ worker: Worker, token: Schema.NullOr(Schema.String) })

export const RevokedTokens = Schema.Struct({ revoked: Schema.Int })

export const Renewed = Schema.Struct({ run: Schema.NullOr(RenewedRun) })

export const RenewManyOptions = Schema.Struct({
  run_ids: nullish(Schema.Array(Ids.RunId)),
  leases: nullish(
    Schema.Array(Schema.Struct({ run_id: Ids.RunId, lease_epoch: nullish(Run.LeaseEpoch) })).pipe(
      Schema.maxItems(maxRenewals),
    ),
  ),
  lease_duration_seconds: leaseSeconds,
})

/** One answer for each lease, in the order asked. */
export const RenewedMany = Schema.Struct({
  leases: Schema.Array(
    Schema.Struct({
      run_id: Ids.RunId,
      status: Schema.Literal("held", "cancelled", "lost"),
      lease_expires_at: Schema.NullOr(Schema.DateTimeUtc),
    }),
  ),
})

export const ReleaseOptions = Schema.Struct({
  reason: nullish(Ids.StorableText.pipe(Schema.maxLength(2000))),
  delay_seconds: nullish(Schema.NonNegative.pipe(Schema.lessThanOrEqualTo(86_400 * 30))),
  count_attempt: nullish(Schema.Boolean),
})

const maxPauseSeconds = Duration.toSeconds(Leases.maxPause)

const suspension = {
  interrupts: nullish(Interrupt.Interrupts),
  tool_call_id: nullish(Ids.text(256)),
  tool_name: nullish(Schema.NonEmptyString),
  expires_in_seconds: nullish(Schema.Number.pipe(Schema.between(1, maxExpirySeconds))).annotations({
    description: "1 to 31536000, never when absent; the time of those interrupts that have no `expires_at`",
  }),
  wake_in_seconds: nullish(Schema.Number.pipe(Schema.between(0, maxPauseSeconds))).annotations({
    description: "0 to 315360000; the run goes on by itself then, and waits for no answer",
  }),
}

interface AskedFor {
  readonly interrupts?: unknown
  readonly tool_call_id?: unknown
  readonly tool_name?: unknown
  readonly expires_in_seconds?: unknown
  readonly wake_in_seconds?: unknown
}

/** One of the three forms, whole. */
const oneForm = (asked: AskedFor): Schema.FilterOutput | undefined => {
  const { interrupts, tool_call_id, tool_name, wake_in_seconds } = asked
  if (wake_in_seconds != null) {
    return [interrupts, tool_call_id, tool_name, asked.expires_in_seconds].every((other) => other == null)
      ? undefined
      : { path: ["wake_in_seconds"], message: "must not come with anything that the run waits for" }
  }
  if (interrupts != null) {
    return tool_call_id == null && tool_name == null
      ? undefined
      : { path: ["interrupts"], message: "must not come with a tool call" }
  }
  if (tool_call_id == null) return { path: ["tool_call_id"], message: "is missing" }
  return tool_name == null ? { path: ["tool_name"], message: "is missing" } : undefined
}

/** A suspension with other fields: interrupts, the result of a tool call, or a time. */
export const suspensionWith = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct({ ...fields, ...suspension }).pipe(Schema.filter(oneForm))

export const Suspension = suspensionWith({})

export const SessionReply = Schema.Struct({ session: WorkerSession })

export const group = HttpApiGroup.make("workers")
  .add(
    HttpApiEndpoint.post("register", "/agent-workers/projects/:project_reference/workers")
      .setPath(projectPath)
      .setPayload(Registration)
      .addSuccess(Registered, { status: 201 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Register a worker",
          description:
            "The same project, kind and key is the same worker; it gets a new token. The two newest tokens of a worker are valid, each until the API key that registered it is revoked.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("workers", "/agent-workers/projects/:project_reference/workers")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(Worker))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the workers of a project",
          description: "Newest heartbeat first.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("revokeTokens", "/agent-workers/workers/:worker_id/tokens")
      .setPath(workerPath)
      .addSuccess(RevokedTokens)
      .annotateContext(
        OpenApi.annotations({
          summary: "Revoke the tokens of a worker",
          description:
            "Needs an API key of the project. `revoked` is how many tokens were valid. The worker is refused from now on, and its runs are claimed by others once their leases have lapsed. A valid API key may register it again.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("heartbeat", "/agent-workers/workers/:worker_id/heartbeat")
      .setPath(workerPath)
      .setPayload(orEmpty(HeartbeatOptions, {}))
      .addSuccess(HeartbeatReply)
      .annotateContext(
        OpenApi.annotations({
          summary: "Say that a worker lives",
          description:
            "The body may be empty. `status` says that the worker shuts down (`draining`) or has ended. Leases do not depend on it.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("claim", "/agent-workers/workers/:worker_id/claim")
      .setPath(workerPath)
      .setPayload(orEmpty(ClaimOptions, {}))
      .addSuccess(Claimed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Claim the next runnable agent run",
          description:
            "`run` is null when there is none. With `limit` the answer also has `runs`. With `wait_seconds` the request is held until a run is runnable. Sent again with the same `claim_id` while the leases that it gave are held, a claim gives the same runs, and their leases last from then on.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("renew", "/agent-workers/workers/:worker_id/runs/:run_id/lease")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(orEmpty(LeaseOptions, {}))
      .addSuccess(Renewed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Renew a lease",
          description:
            "`run` is the run while it is held, or when it was cancelled since; null once the lease is lost.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("renewMany", "/agent-workers/workers/:worker_id/leases")
      .setPath(workerPath)
      .setPayload(RenewManyOptions)
      .addSuccess(RenewedMany)
      .annotateContext(
        OpenApi.annotations({
          summary: "Renew many leases",
          description: "One answer for each of `leases` or `run_ids`, in the order asked.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("release", "/agent-workers/workers/:worker_id/runs/:run_id/lease")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(orEmpty(ReleaseOptions, {}))
      .addSuccess(Schema.Struct({ released: Schema.Literal(true) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "Hand a run back",
          description:
            "It is runnable again, after `delay_seconds` when given. The attempt is not counted unless `count_attempt` is true.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("suspend", "/agent-workers/workers/:worker_id/runs/:run_id/suspend")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(Suspension)
      .addSuccess(Schema.Struct({ suspended: Schema.Literal(true) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "Suspend a run",
          description:
            "Frees the run until the result of the tool call, or an answer to every interrupt, arrives by /runs/{run_id}/resume, or until `wake_in_seconds` have passed. When an answer does not arrive in time, the run fails with code `wait_expired`.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.put("session", "/agent-workers/workers/:worker_id/runs/:run_id/session")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(SessionRecord)
      .addSuccess(SessionReply)
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({
          summary: "Record the worker session of a held run",
          description: "One per run; recording again updates it.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("signals", "/agent-workers/workers/:worker_id/signals")
      .setPath(workerPath)
      .addSuccess(
        Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" })),
      )
      .annotateContext(
        OpenApi.annotations({
          summary: "Follow the cancellations of a worker's runs",
          description:
            'An event stream of `{"type":"cancelled","run_id":"…"}`. A renewal says the same: this only makes it faster.',
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "Workers", description: "Register, claim, renew, hand back." }),
  )
