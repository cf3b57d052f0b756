/** Webhooks on the wire. (ours) */
import { Ids, Labels, Webhook as Model } from "@runlease/core"
import { Schema } from "effect"
import { as, atMost, nullish, renamed, Timestamp } from "../Wire.js"

const endpointFields = Model.Endpoint.fields
const deliveryFields = Model.Delivery.fields
const instant = Schema.NullOr(Timestamp)

/** An endpoint: every key, always, but its secret, which no answer about it has. */
export const Endpoint = as<Model.Endpoint>()(
  renamed({
    id: endpointFields.id,
    projectId: endpointFields.projectId,
    url: Schema.String,
    events: Schema.Array(Model.EventType),
    agentIds: Schema.NullOr(Schema.Array(Ids.AgentId)),
    labels: Labels.Labels,
    description: Schema.NullOr(Schema.String),
    status: endpointFields.status,
    disabledReason: Schema.NullOr(Schema.String),
    failingSince: instant,
    createdBy: Schema.NullOr(Schema.String),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "WebhookEndpoint" })

/** A message to an endpoint: every key, always. */
export const Delivery = as<Model.Delivery>()(
  renamed({
    id: deliveryFields.id,
    projectId: deliveryFields.projectId,
    endpointId: deliveryFields.endpointId,
    type: deliveryFields.type,
    runId: Schema.NullOr(Schema.String),
    data: deliveryFields.data,
    status: deliveryFields.status,
    attempt: deliveryFields.attempt,
    nextAt: instant,
    lastStatus: deliveryFields.lastStatus,
    lastError: deliveryFields.lastError,
    createdAt: Timestamp,
    updatedAt: Timestamp,
    finishedAt: instant,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "WebhookDelivery" })

/** The rules refuse what is beyond their bounds, and say which they are; of more nothing is read. */
const mostRead = 1000

const url = Schema.String.annotations({
  description: "It begins with `https://` and has port 443 or 8443; `http://` for a loopback address alone",
})
const events = atMost(mostRead)(Schema.Array(Model.EventType)).annotations({
  description:
    "`run.expired` is the end of a run that no worker has claimed in time. `run.waiting`: for answers, a message or its budget. Events of schedules are of the agent and the labels of their runs; `bulk.ended` is of no agent and no label",
})

const optional = {
  agentIds: nullish(atMost(mostRead)(Schema.Array(Ids.AgentId)))
    .annotations({ description: "Only events of these agents" })
    .pipe(Schema.fromKey("agent_ids")),
  labels: nullish(Schema.Record({ key: Schema.String, value: Schema.String })).annotations({
    description: "Only events of runs that have all of these labels",
  }),
  description: nullish(Schema.String),
}

export const NewEndpoint = Schema.Struct({ url, events, ...optional }).annotations({
  identifier: "NewWebhookEndpoint",
})

export const EndpointChanges = Schema.Struct({
  url: nullish(url),
  events: nullish(events),
  ...optional,
  enabled: nullish(Schema.Boolean).annotations({
    description: "false sends nothing; true sends again, also after the server has disabled it",
  }),
}).annotations({ identifier: "WebhookEndpointChanges" })
