/**
 * The API key of the environment. An empty one is none: compose files set a variable to nothing.
 */
import { Config, Effect, Option, Redacted } from "effect"
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

/** The key of the environment, checked, where there is one. */
export const configured: Effect.Effect<Option.Option<Redacted.Redacted>, CommandFailure> = Effect.flatMap(
  Effect.orDie(Config.option(environmentKey)),
  Option.match({
    onNone: () => Effect.succeedNone,
    onSome: (key) => Effect.asSome(check(key, name)),
  }),
)
