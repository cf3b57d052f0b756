import * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Access, Token } from "@runlease/core"
import { Effect, Layer, Option, Redacted } from "effect"
import { projectOf } from "../Api/Session.js"
import * as Refusal from "../contract/Refusal.js"
import { Callers } from "./Callers.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as SameOrigin from "./SameOrigin.js"
import * as SessionCookie from "./SessionCookie.js"

type ApiKey = Extract<Access.Principal, { readonly _tag: "ApiKey" }>

/** The request as one that has this token in its header. */
const withToken = (
  request: HttpServerRequest.HttpServerRequest,
  token: Redacted.Redacted,
): HttpServerRequest.HttpServerRequest =>
  Object.create(request, {
    headers: { value: Headers.set(request.headers, "authorization", `Bearer ${Redacted.value(token)}`) },
  })

const noSession = Refusal.make(
  403,
  "forbidden",
  "This key is not one of this server's own, so it has no session; send it with each request",
)

/** Who has this key. */
const describe = Effect.fnUntraced(function* (access: Access.Access["Type"], key: ApiKey) {
  const project = yield* access.getProject(key.projectId)
  const keys = yield* access.listKeys(key.projectId)
  const name = keys.find(({ id }) => id === key.keyId)?.name ?? key.keyId
  return { project: projectOf(project), key: { id: key.keyId, name, admin: key.admin } }
})

const signIn = group("signIn", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const callers = yield* Callers

    const keyOf = (request: HttpServerRequest.HttpServerRequest, token: Redacted.Redacted) =>
      Effect.filterOrFail(
        // A session that began another one would never end.
        Token.isSession(token)
          ? Effect.fail(Refusal.unauthorized("A session is no API key"))
          : callers.of(withToken(request, token)),
        (principal): principal is ApiKey => principal._tag === "ApiKey",
        () => Refusal.make(403, "forbidden", "A worker token is not enough for this; use an API key"),
      )

    return handlers
      .handle("signIn", ({ payload }) =>
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          yield* SameOrigin.checkBrowser(request)
          const key = yield* keyOf(request, payload.api_key)
          const session = yield* access
            .issueSession(key)
            .pipe(Effect.catchTag("KeyNotFound", () => Effect.fail(noSession)))
          yield* SessionCookie.set(request, session)
          return yield* describe(access, key)
        }),
      )
      .handle("signOut", () =>
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const token = SessionCookie.read(request)
          if (Option.isNone(token)) return
          yield* SameOrigin.check(request)
          yield* access.endSession(Redacted.make(token.value))
          yield* SessionCookie.clear(request)
        }),
      )
  }),
)

const session = group("session", (handlers) =>
  Effect.map(Access.Access, (access) =>
    handlers.handle("session", () => Effect.flatMap(Caller.apiKey, (key) => describe(access, key))),
  ),
)

export const layer = Layer.merge(signIn, session)
