import { Access, ControlPlane, Ids } from "@runlease/core"
import { Authentication } from "@runlease/http"
import { Effect, Layer, Option } from "effect"

/** The users of the application, by a header; your application may use a session. */
const users: Readonly<Record<string, string>> = { ada: "01a21019-0000-7000-8000-0000000000ad" }

/** Users of the application may do everything in project `default`. Workers authenticate by their own tokens. */
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
