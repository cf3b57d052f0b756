/** Webhooks: where a project gets messages about its runs, and what was sent. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Webhook as Model } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { Deleted, nullish, orEmpty, pageOf, pageParams, Timestamp } from "../Wire.js"
import { Delivery, Endpoint, EndpointChanges, NewEndpoint } from "../Wire/Webhook.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const endpointPath = Schema.Struct({ project_reference: Schema.String, endpoint_id: Model.EndpointId })
const deliveryPath = Schema.Struct({ project_reference: Schema.String, delivery_id: Model.DeliveryId })

export const EndpointReply = Schema.Struct({ endpoint: Endpoint })

/** The secret is in no other answer. */
export const EndpointWithSecret = Schema.Struct({
  endpoint: Endpoint,
  secret: Schema.Redacted(Schema.String),
})

export const DeliveryReply = Schema.Struct({ delivery: Delivery })

export const Rotate = orEmpty(
  Schema.Struct({
    expires_in_seconds: nullish(Schema.Int).annotations({
      description: "How long the old secret still signs beside the new one: 0 to 604,800; a day when absent",
    }),
  }),
  {},
)

export const RetryAll = orEmpty(Schema.Struct({ since: nullish(Timestamp) }), {})

export const Retried = Schema.Struct({ retried: Schema.NonNegativeInt })

export const deliveryParams = Schema.Struct({
  ...pageParams,
  endpoint_id: Schema.optional(Model.EndpointId),
  status: Schema.optional(Model.DeliveryStatus),
})

export const group = HttpApiGroup.make("webhooks")
  .add(
    HttpApiEndpoint.post("create", "/projects/:project_reference/webhook-endpoints")
      .setPath(projectPath)
      .setPayload(strict(NewEndpoint))
      .addSuccess(EndpointWithSecret, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Create a webhook endpoint",
          description:
            "Each event from then on is a message to it, signed as Standard Webhooks 1.0.0 says. `secret` is in this answer alone. 422 `invalid_webhook_endpoint` names the field; 422 `secrets_unavailable` says which key the server lacks.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("list", "/projects/:project_reference/webhook-endpoints")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(Endpoint))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the webhook endpoints of a project",
          description: "Newest first.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("get", "/projects/:project_reference/webhook-endpoints/:endpoint_id")
      .setPath(endpointPath)
      .addSuccess(EndpointReply)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a webhook endpoint",
          description:
            "`failing_since` is the first attempt that failed since the last success. `disabled_reason` says why the server has disabled it: it answered 410, or failed for five days.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.patch("update", "/projects/:project_reference/webhook-endpoints/:endpoint_id")
      .setPath(endpointPath)
      .setPayload(strict(EndpointChanges))
      .addSuccess(EndpointReply)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Change a webhook endpoint",
          description: "Absent fields stay. `agent_ids: null` means all agents.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("remove", "/projects/:project_reference/webhook-endpoints/:endpoint_id")
      .setPath(endpointPath)
      .addSuccess(Deleted)
      .annotateContext(
        OpenApi.annotations({
          summary: "Delete a webhook endpoint",
          description: "Messages that were not sent yet are dead at their time.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("rotate", "/projects/:project_reference/webhook-endpoints/:endpoint_id/rotate")
      .setPath(endpointPath)
      .setPayload(strict(Rotate))
      .addSuccess(EndpointWithSecret)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Rotate the secret of a webhook endpoint",
          description: "Messages have signatures by both secrets until the old one expires.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("test", "/projects/:project_reference/webhook-endpoints/:endpoint_id/test")
      .setPath(endpointPath)
      .addSuccess(DeliveryReply, { status: 202 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Send a test message",
          description: "Its type is `test`, whatever the events of the endpoint are.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("retryAll", "/projects/:project_reference/webhook-endpoints/:endpoint_id/retry")
      .setPath(endpointPath)
      .setPayload(strict(RetryAll))
      .addSuccess(Retried, { status: 202 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Send the dead messages of an endpoint again",
          description:
            "With `since`, those of events from then on. Each has the same `webhook-id` as before.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("deliveries", "/projects/:project_reference/webhook-deliveries")
      .setPath(projectPath)
      .setUrlParams(deliveryParams)
      .addSuccess(pageOf(Delivery))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the messages of a project to its webhook endpoints",
          description: "Newest first. `dead`: no attempt follows.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("retry", "/projects/:project_reference/webhook-deliveries/:delivery_id/retry")
      .setPath(deliveryPath)
      .addSuccess(DeliveryReply, { status: 202 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Send a message again",
          description: "Also one that was delivered. It has the same `webhook-id` as before.",
        }),
      ),
  )
  .addError(Refusal.BadRequest)
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Webhooks",
      description: "(ours) Messages about runs, to addresses of yours.",
    }),
  )
