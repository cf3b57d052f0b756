/** Webhook sources: which services begin runs by signed messages, and where they post. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { orEmpty, pageOf, pageParams } from "../Wire.js"
import { RotateSource, Source, SourceDefinition } from "../Wire/WebhookSource.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const sourcePath = Schema.Struct({ project_reference: Schema.String, source_name: Schema.String })

export const SourceReply = Schema.Struct({ source: Source })

/** The secret is in no other answer. It is null where none was made. */
export const SourceWithSecret = Schema.Struct({
  source: Source,
  secret: Schema.NullOr(Schema.Redacted(Schema.String)),
})

export const Removed = Schema.Struct({ deleted: Schema.Boolean })

export const group = HttpApiGroup.make("webhookSources")
  .add(
    HttpApiEndpoint.put("defineSource", "/projects/:project_reference/webhook-sources/:source_name")
      .setPath(sourcePath)
      .setPayload(strict(SourceDefinition))
      .addSuccess(SourceWithSecret)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Make a webhook source, or give it another definition",
          description:
            "A service that posts signed messages to `path` of this server begins a run of the agent by each. `secret` is in this answer alone, and null where none was made. 422 `invalid_webhook_source` names the field; 422 `secrets_unavailable` says which key the server lacks.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("list", "/projects/:project_reference/webhook-sources")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(Source))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the webhook sources of a project",
          description: "Newest first.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("get", "/projects/:project_reference/webhook-sources/:source_name")
      .setPath(sourcePath)
      .addSuccess(SourceReply)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a webhook source",
          description: "`path` is where the server gets its messages. Its secret is in no answer.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("remove", "/projects/:project_reference/webhook-sources/:source_name")
      .setPath(sourcePath)
      .addSuccess(Removed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Delete a webhook source",
          description: "Its messages are refused from then on; its runs stay.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("rotateSource", "/projects/:project_reference/webhook-sources/:source_name/rotate")
      .setPath(sourcePath)
      .setPayload(strict(orEmpty(RotateSource, {})))
      .addSuccess(SourceWithSecret)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Give a webhook source a new secret",
          description: "Messages by the old secret are accepted until it expires.",
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
      title: "Webhook sources",
      description: "(ours) Services whose signed messages begin runs.",
    }),
  )

/** What a message became: a run, or nothing, since its type begins none. `duplicate`: it was received before. */
export const Received = Schema.Union(
  Schema.Struct({ run_id: Schema.String, duplicate: Schema.Boolean }),
  Schema.Struct({ ignored: Schema.Literal(true), event: Schema.NullOr(Schema.String) }),
).annotations({ identifier: "ReceivedWebhook" })

export const messages = HttpApiGroup.make("hooks")
  .add(
    HttpApiEndpoint.post("receive", "/hooks/:project_id/:source_name")
      .setPath(Schema.Struct({ project_id: Ids.ProjectId, source_name: Schema.String }))
      .setPayload(Schema.Unknown)
      .addSuccess(Received, { status: 202 })
      .addError(Refusal.BadRequest)
      .addError(Refusal.Unauthorized)
      .addError(Refusal.Unprocessable)
      .addError(Refusal.TooMany)
      .annotateContext(
        OpenApi.annotations({
          summary: "Receive a signed message of a webhook source",
          description:
            "(ours) Needs no token: the signature over the body is checked by the secret of the source. 401 `invalid_signature` for a forged one and where there is no such source, and `webhook_late` for one that was signed more than five minutes ago or ahead. The same message again answers with the same run. 413 for more than 1 MiB; 422 for a payload that no worker of the agent takes; 429 `too_many_pending` with `Retry-After` as for a submission.",
        }),
      ),
  )
  .middleware(JsonBody)
  .annotateContext(
    OpenApi.annotations({ title: "Webhooks in", description: "What services post to sources." }),
  )
