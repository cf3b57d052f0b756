/** Workers: register, claim, keep and hand back. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { CallbackToken, Claims, Ids, Run, WorkerRegistry } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { atMost, Description, pageParams, nullish, orEmpty, pageOf } from "../Wire.js"
import { expiresInSeconds, IssuedCallback } from "./Callbacks.js"
import { ClaimedRun, RenewedRun } from "../Wire/ClaimedRun.js"
import { SessionRecord, WorkerSession } from "../Wire/Session.js"
import { Submission } from "../Wire/Submission.js"
import { Registration, Worker } from "../Wire/Worker.js"
import { Fence } from "./Fence.js"
import { Suspension } from "./Suspension.js"

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

/** The most agents that one claim names. */
export const maxAgents = 1000

const LeaseOptions = Schema.Struct({ lease_duration_seconds: leaseSeconds })

export const ClaimOptions = Schema.Struct({
  lease_duration_seconds: leaseSeconds,
  limit: nullish(Schema.Int.pipe(Schema.between(0, Claims.maxClaim))).annotations({
    description: "1 when absent. With 0 it takes no run, and returns what its `claim_id` returned before",
  }),
  ahead: nullish(Schema.Int.pipe(Schema.between(0, Claims.maxClaim))).annotations({
    description:
      "How many of `limit` wait at the worker for a free slot, 0 when absent. No run of a lane other than its conversation's is among them. A claim of these alone does not wait",
  }),
  wait_seconds: nullish(Schema.Int.pipe(Schema.between(0, maxWaitSeconds))),
  agent_ids: nullish(Schema.Array(Ids.AgentId).pipe(atMost(maxAgents))),
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
  metadata: nullish(Description).annotations({ description: "Replaces that of the registration" }),
})

export const HeartbeatReply = Schema.Struct({ worker: Worker, token: Schema.NullOr(Schema.String) })

export const RevokedTokens = Schema.Struct({ revoked: Schema.Int })

export const Renewed = Schema.Struct({ run: Schema.NullOr(RenewedRun) })

export const RenewManyOptions = Schema.Struct({
  run_ids: nullish(Schema.Array(Ids.RunId).pipe(atMost(maxRenewals))),
  leases: nullish(
    Schema.Array(Schema.Struct({ run_id: Ids.RunId, lease_epoch: nullish(Run.LeaseEpoch) })).pipe(
      atMost(maxRenewals),
    ),
  ),
  lease_duration_seconds: leaseSeconds,
})

/** One answer for each lease, in the order of the request. */
export const RenewedMany = Schema.Struct({
  leases: Schema.Array(
    Schema.Struct({
      run_id: Ids.RunId,
      status: Schema.Literal("held", "cancelled", "lost"),
      lease_expires_at: Schema.NullOr(Schema.DateTimeUtc),
      inbox: Schema.optional(Schema.NonNegativeInt),
    }),
  ),
})

export const ReleaseOptions = Schema.Struct({
  reason: nullish(Ids.StorableText.pipe(Schema.maxLength(2000))),
  delay_seconds: nullish(Schema.NonNegative.pipe(Schema.lessThanOrEqualTo(86_400 * 30))),
  count_attempt: nullish(Schema.Boolean),
  version: nullish(Schema.Union(Schema.Literal(""), WorkerRegistry.Version)),
})

/** A child of a run under lease. */
export const SpawnRequest = Schema.Struct({
  step_id: Ids.text(64),
  name: Schema.NonEmptyString,
  key: Schema.optional(Schema.Unknown),
  detached: nullish(Schema.Boolean),
  tells_parent: nullish(Schema.Boolean),
  run: Submission,
})

/** A detached child has no index. */
export const SpawnedReply = Schema.Struct({
  run_id: Ids.RunId,
  index: Schema.optional(Schema.NonNegativeInt),
})

export const SessionReply = Schema.Struct({ session: WorkerSession })

/** It is described with what people look at. */
export const drain = HttpApiEndpoint.post("drain", "/agent-workers/workers/:worker_id/drain")
  .setPath(workerPath)
  .setPayload(Schema.Struct({ drain: Schema.Boolean }))
  .addSuccess(Worker)
  .annotateContext(
    OpenApi.annotations({
      summary: "Request a worker to claim no more runs",
      description:
        "The worker keeps the runs that it holds. With `drain: false` it claims again. It learns of it at once where it follows its signals, at its next heartbeat otherwise.",
    }),
  )

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
            "The body may be empty. `status` says that the worker claims no more (`draining`) or has ended. Leases do not depend on it. Where `worker.drain` is true, the worker should claim no more runs.",
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
            "`run` is null when there is none. With `limit` the answer also has `runs`. With `wait_seconds` the request waits until a run is runnable. Sent again with the same `claim_id` while the leases that it gave are held, a claim gives the same runs, and their leases last from then on.",
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
            "`run` is the run while the lease is yours, or when it was cancelled since; null once the lease is lost.",
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
          description: "One answer for each of `leases` or `run_ids`, in their order.",
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
            "It is runnable again, after `delay_seconds` when present. The attempt is not counted unless `count_attempt` is true.",
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
            "Frees the run until the result of the tool call, or an answer to every interrupt, arrives by /runs/{run_id}/resume, or until `wake_in_seconds` have passed, `children` have ended, or the run has been told more than `taken_messages`. When an answer does not arrive in time, the run fails with code `wait_expired`. When the run waits for nothing but children that wait for it, since they are behind other runs in their lanes, it fails with code `child_deadlock`.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("spawn", "/agent-workers/workers/:worker_id/runs/:run_id/children")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(SpawnRequest)
      .addSuccess(SpawnedReply, { status: 201 })
      .addError(Refusal.Conflict)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Spawn a child of a claimed run",
          description:
            "`run` is a submission; its `public_id` is made of the parent's id and the step's, by the server when absent, and sent again it gives the first child. The token of a run may spawn children of its own run, while that is held. The child is pending in a conversation of its own: `owner`, `conversation_id`, another `parent_run_id`, `initial_status`, `budget` and `multitask` are refused. The end of a run cancels those of its children that have not ended. One that is `detached` is the root of a tree of its own: no end of another run cancels it, no run waits for it, and it has no `index`. The end of one with `tells_parent` is a message to its parent, which a detached one cannot have.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("callback", "/agent-workers/workers/:worker_id/runs/:run_id/callback-token")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(
        strict(
          Schema.Struct({ interrupt_id: CallbackToken.InterruptId, expires_in_seconds: expiresInSeconds }),
        ),
      )
      .addSuccess(IssuedCallback, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Make a URL that answers a question of a claimed run once",
          description:
            "(ours) The run need not have posed the question yet: the URL answers it once the run waits for it. 422 `callback_refused` for the id of a question about a budget.",
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
          summary: "Record the worker session of a claimed run",
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
          summary: "Follow the cancellations of a worker's runs, the messages to them, and requests to drain",
          description:
            'An event stream of `{"type":"cancelled","run_id":"…"}` and `{"type":"message","run_id":"…","inbox":1}`, where `inbox` is how many messages the run has, and of `{"type":"drain","drain":true}`. A renewal and the answer to a heartbeat say the same: this only makes it faster.',
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
