/**
 * The API key that a server stores before it answers requests.
 */
import { Access, ControlPlane, ControlPlaneUnavailable } from "@runlease/core"
import { DateTime, Effect, Option, type Redacted } from "effect"
import { configured, name } from "./EnvironmentKey.js"

const warnEnded = ({ _tag, keyId }: Access.KeyRevoked | Access.KeyExpired) =>
  Effect.logWarning(
    `${name} is the API key ${keyId}, which ${_tag === "KeyRevoked" ? "was revoked for good" : "has expired"}, so requests with it are refused. ` +
      "Set it to a new value, which becomes an admin key when the server starts again, or unset it and use a key that is valid.",
  )

const store = Effect.gen(function* () {
  const access = yield* Access.Access
  const { id: projectId } = yield* access.getProject(ControlPlane.defaultProject)
  const fromEnvironment = yield* configured
  if (Option.isSome(fromEnvironment)) {
    yield* access
      .createKey({ projectId, name, admin: true, token: fromEnvironment.value })
      .pipe(Effect.catchTags({ KeyRevoked: warnEnded, KeyExpired: warnEnded }))
    return Option.none<Redacted.Redacted>()
  }
  const keys = yield* access.listKeys(projectId)
  const now = yield* DateTime.now
  const isValid = ({ expiresAt, revokedAt }: Access.ApiKey) =>
    revokedAt === null && (expiresAt === null || DateTime.greaterThan(expiresAt, now))
  if (keys.some(isValid)) return Option.none<Redacted.Redacted>()
  const { token } = yield* access.createKey({ projectId, name: "first key", admin: true })
  return Option.some(token)
})

/**
 * Stores the key of `RUNLEASE_API_KEY`, or makes one when project `default` has no valid key. Returns a key that it made,
 * to be shown once. Retries while the database is unavailable.
 */
export const make = store.pipe(
  Effect.tapErrorTag("ControlPlaneUnavailable", ({ message, retryable }) =>
    retryable ? Effect.logWarning(`${message}; trying again before the server is ready`) : Effect.void,
  ),
  ControlPlaneUnavailable.untilAvailable(ControlPlaneUnavailable.backoff("250 millis", "5 seconds")),
)
