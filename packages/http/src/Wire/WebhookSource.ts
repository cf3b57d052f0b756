/** Webhook sources on the wire. (ours) */
import { Ids, WebhookSource as Model } from "@runlease/core"
import { Schema } from "effect"
import { as, atMost, nullish, renamed, Timestamp } from "../Wire.js"

const { fields } = Model.Source

/** A source: every key, always, but its secret. */
export const Source = as<Model.Source>()(
  renamed({
    name: fields.name,
    projectId: fields.projectId,
    scheme: fields.scheme,
    agentId: Ids.AgentId,
    events: Schema.NullOr(Schema.Array(Schema.String)),
    prompt: Schema.NullOr(Schema.String),
    path: Schema.String,
    createdBy: Schema.NullOr(Schema.String),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "WebhookSource" })

/** The rules refuse what is beyond their bounds, and say which they are; of more nothing is read. */
const mostRead = 1000

const secret = nullish(Schema.Redacted(Schema.String)).annotations({
  description:
    "The one that the service has: `whsec_…`, or 16 to 256 characters for GitHub. One is made when absent",
})

export const SourceDefinition = Schema.Struct({
  scheme: Model.SourceScheme.annotations({
    description: "`standard`: the headers of Standard Webhooks; `github`: `X-Hub-Signature-256`",
  }),
  agentId: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("agent_id")),
  events: nullish(atMost(mostRead)(Schema.Array(Schema.String))).annotations({
    description: "The messages that begin a run, such as `issues.opened`; all when absent",
  }),
  prompt: nullish(Schema.String).annotations({
    description: "The message of the user. `{{payload.issue.title}}` is a value of what was posted",
  }),
  secret,
}).annotations({ identifier: "WebhookSourceDefinition" })

export const RotateSource = Schema.Struct({
  secret,
  expires_in_seconds: nullish(Schema.Int).annotations({
    description: "How long messages by the old secret are accepted: 0 to 604,800; a day when absent",
  }),
})
