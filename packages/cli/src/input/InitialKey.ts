/**
 * The API key that a server has before it serves.
 */
import { Access, ControlPlane, ControlPlaneUnavailable } from "@runlease/core"
import { Config, Effect, Option, type Redacted } from "effect"

const name = "RUNLEASE_API_KEY"

const sayRevoked = ({ keyId }: Access.KeyRevoked) =>
  Effect.logWarning(
    `${name} is the API key ${keyId}, which was revoked for good, so requests with it are refused. ` +
      "Set it to a new value, which becomes an admin key when the server starts again, or unset it and use a key that is valid.",
  )

const store = Effect.gen(function* () {
  const access = yield* Access.Access
  const { id: projectId } = yield* access.getProject(ControlPlane.defaultProject)
  const given = yield* Config.option(Config.redacted(name))
  if (Option.isSome(given)) {
    yield* access
      .createKey({ projectId, name, admin: true, token: given.value })
      .pipe(Effect.catchTag("KeyRevoked", sayRevoked))
    return Option.none<Redacted.Redacted>()
  }
  const keys = yield* access.listKeys(projectId)
  if (keys.some(({ revokedAt }) => revokedAt === null)) return Option.none<Redacted.Redacted>()
  const { token } = yield* access.createKey({ projectId, name: "first key", admin: true })
  return Option.some(token)
})

/**
 * Stores the key that the environment brings, or makes one where project `default` has no valid key; gives the one that
 * it made, to be shown once. Waits for a database that is away for a moment.
 */
export const make = store.pipe(
  Effect.tapErrorTag("ControlPlaneUnavailable", ({ message, retryable }) =>
    retryable ? Effect.logWarning(`${message}; trying again before the server is ready`) : Effect.void,
  ),
  ControlPlaneUnavailable.untilAvailable(ControlPlaneUnavailable.backoff("250 millis", "5 seconds")),
)
