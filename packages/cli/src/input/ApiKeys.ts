/** The API keys of servers: that of the environment, the first one of a server, and that of `runlease dev`. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Access, ControlPlane, ControlPlaneUnavailable, Token } from "@runlease/core"
import { Config, DateTime, Effect, Option, Redacted } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"

export const name = "RUNLEASE_API_KEY"

export const environmentKey = Config.redacted(Config.nonEmptyString(name))

/** Fails for a key that no request can have in its header. `source`: where it comes from. */
export const check = (
  key: Redacted.Redacted,
  source: string,
): Effect.Effect<Redacted.Redacted, CommandFailure> =>
  /^[\x21-\x7e]+$/.test(Redacted.value(key))
    ? Effect.succeed(key)
    : usage(
        `${source} is no API key: it has a space, a line end, or another character that a key never has`,
        "Copy it again, as `runlease serve` or `runlease keys create` showed it.",
      )

/** The key of the environment, checked, where there is one. An empty one is none: compose files set a variable to nothing. */
export const configured: Effect.Effect<Option.Option<Redacted.Redacted>, CommandFailure> = Effect.flatMap(
  Effect.orDie(Config.option(environmentKey)),
  Option.match({
    onNone: () => Effect.succeedNone,
    onSome: (key) => Effect.asSome(check(key, name)),
  }),
)

const warnEnded = ({ _tag, keyId }: Access.KeyRevoked | Access.KeyExpired) =>
  Effect.logWarning(
    `${name} is the API key ${keyId}, which ${_tag === "KeyRevoked" ? "was revoked for good" : "has expired"}, so requests with it are refused. ` +
      "Set it to a new value, which becomes an admin key when the server starts again, or unset it and use a key that is valid.",
  )

const storeInitial = Effect.gen(function* () {
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
export const initial = storeInitial.pipe(
  Effect.tapErrorTag("ControlPlaneUnavailable", ({ message, retryable }) =>
    retryable ? Effect.logWarning(`${message}; trying again before the server is ready`) : Effect.void,
  ),
  ControlPlaneUnavailable.untilAvailable(ControlPlaneUnavailable.backoff("250 millis", "5 seconds")),
)

/** Where the key is stored, readable by its owner only. */
export const devFile = ".runlease/dev.key"

/** The API key of `runlease dev`: that of the environment, or one that is made once and stored in a file. */
export const ofDev = Effect.gen(function* () {
  const fromEnvironment = yield* configured
  if (Option.isSome(fromEnvironment)) return fromEnvironment.value
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const stored = yield* Effect.option(fs.readFileString(devFile))
  if (Option.isSome(stored) && stored.value.trim() !== "") return Redacted.make(stored.value.trim())
  const token = yield* Token.generate("rlk")
  yield* fs.makeDirectory(path.dirname(devFile), { recursive: true, mode: 0o700 })
  yield* fs.writeFileString(devFile, `${Redacted.value(token)}\n`, { mode: 0o600 })
  return token
})
