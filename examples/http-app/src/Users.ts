import { Access, ControlPlane, Ids } from "@runlease/core"
import { Authentication } from "@runlease/http"
import { Effect, Layer, Option } from "effect"

/** The application's own idea of who sends a request: here a header, in yours a session. */
const users: Readonly<Record<string, string>> = { ada: "01a21019-0000-7000-8000-0000000000ad" }

/** The application's users may do everything in project `default`. Workers keep the tokens that they were given. */
export const authentication = Layer.effect(
  Authentication.Authentication,
  Effect.gen(function* () {
    const access = yield* Access.Access
    const project = yield* access.getProject(ControlPlane.defaultProject)
    const byToken = yield* Authentication.make
    return {
      identify: (request) => {
        const key = users[request.headers["x-user"] ?? ""]
        return key === undefined
          ? byToken.identify(request)
          : Effect.succeed(
              Option.some<Access.Principal>({
                _tag: "ApiKey",
                keyId: Ids.KeyId.make(key),
                projectId: project.id,
                admin: false,
              }),
            )
      },
    }
  }),
)
