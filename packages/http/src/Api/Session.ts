/** Sign-in of people in a browser. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import type { Access } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"

/** Who is signed in. */
export const Session = Schema.Struct({
  project: Schema.Struct({ id: Schema.String, slug: Schema.String }),
  key: Schema.Struct({ id: Schema.String, name: Schema.String, admin: Schema.Boolean }),
}).annotations({ identifier: "Session" })

/** A refusal does not repeat the value of a secret. */
const Secret = Schema.Redacted(Schema.String.annotations({ message: () => "must be a text" })).annotations({
  message: () => ({ message: "must be a text", override: true }),
})

export const projectOf = ({ id, slug }: Access.Project) => ({ id, slug })

const signIn = HttpApiGroup.make("signIn")
  .add(
    HttpApiEndpoint.post("signIn", "/session")
      .setPayload(Schema.Struct({ api_key: Secret }))
      .addSuccess(Session, { status: 201 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Sign in with an API key",
          description:
            "Sets a cookie that no script can read and no other site can send. It identifies its browser as the key does, until the key is revoked, until it expires or until the sign-out.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("signOut", "/session")
      .addSuccess(Schema.Void, { status: 204 })
      .annotateContext(OpenApi.annotations({ summary: "Sign out", description: "Ends the session." })),
  )
  .addError(Refusal.BadRequest)
  .addError(Refusal.Unauthorized)
  .addError(Refusal.Forbidden)
  .addError(Refusal.TooMany)
  .middleware(JsonBody)
  .annotateContext(
    OpenApi.annotations({ title: "Sign in", description: "A session of a person in a browser." }),
  )

const session = HttpApiGroup.make("session")
  .add(
    HttpApiEndpoint.get("session", "/session")
      .addSuccess(Session)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read who is signed in",
          description: "The project and the key of the caller.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Session", description: "Who is signed in." }))

export const groups = { signIn, session }
