/** Tokens for browsers. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { Issued, NewToken } from "../Wire/BrowserToken.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })

/** The answer of a rotation. */
export const Rotated = Schema.Struct({ rotated: Schema.Boolean })

export const group = HttpApiGroup.make("tokens")
  .add(
    HttpApiEndpoint.post("issue", "/projects/:project_reference/tokens")
      .setPath(projectPath)
      .setPayload(strict(NewToken))
      .addSuccess(Issued, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Make a token for a browser",
          description:
            "(ours) A page sends it as `Authorization: Bearer`. It is bound to one conversation, thread, run or label, and may do there what its scopes say: `read` reads runs, their logs and streams, and the messages of its conversation; `write` submits runs to its conversation, adds messages, answers and tells; `stop` cancels. Everything else is 403, and another run or conversation is 404. It ends after `expires_in_seconds`, with the API key that made it, or by a rotation. It is in this answer and nowhere else.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("rotate", "/projects/:project_reference/tokens/rotate")
      .setPath(projectPath)
      .addSuccess(Rotated)
      .annotateContext(
        OpenApi.annotations({
          summary: "Refuse all tokens for browsers",
          description:
            "(ours) Gives the project a new key to sign with. Every token that it has made for a browser is refused from now on, by every server, and streams that are open with one end within seconds. Tokens that are made afterwards are valid.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "Tokens", description: "Tokens for browsers, which may have no API key." }),
  )
