/** Rollouts: to which version of workers the runs of an agent go. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { BulkOperation } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { Rollout, SetRollout } from "../Wire/Rollout.js"

const agentPath = Schema.Struct({ project_reference: Schema.String, agent_id: Schema.String })

const RolloutReply = Schema.Struct({ rollout: Rollout })

const Removed = Schema.Struct({ deleted: Schema.Boolean, bulk_id: BulkOperation.BulkId })

const address = "/projects/:project_reference/agents/:agent_id/rollout"

export const group = HttpApiGroup.make("rollouts")
  .add(
    HttpApiEndpoint.put("setRollout", address)
      .setPath(agentPath)
      .setPayload(strict(SetRollout))
      .addSuccess(RolloutReply)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Set the rollout of an agent",
          description:
            "From then on no worker of another version than `current` and `ramp.version` gets a run of the agent, unless the run is pinned to that. The bulk operation `bulk_id` brings the open runs to their versions; a run that works changes it at its next claim. A pinned run keeps the version that it has. 422 `invalid_rollout` names the field.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("getRollout", address)
      .setPath(agentPath)
      .addSuccess(RolloutReply)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read the rollout of an agent",
          description: "404 `rollout_not_found` where the agent has none: any worker may claim its runs.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("removeRollout", address)
      .setPath(agentPath)
      .addSuccess(Removed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Remove the rollout of an agent",
          description:
            "The bulk operation `bulk_id` lets any worker claim its open runs that are not pinned.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Rollouts",
      description: "(ours) To which version of workers the runs of an agent go.",
    }),
  )
