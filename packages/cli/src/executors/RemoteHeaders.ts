/**
 * The headers of requests to a remote agent, from a flag that is repeated and from the environment.
 */
import { Options } from "@effect/cli"
import { Config, Effect, HashMap, Option, Redacted } from "effect"
import { usage } from "../output/ExitCode.js"

/** `--NAME-header`; `secret` is the variable that sets `authorization`. */
export const option = (flag: string, secret: string) =>
  Options.keyValueMap(flag).pipe(
    Options.withDescription(`A header, repeatable; ${secret} sets the header authorization`),
    Options.optional,
  )

/** Fails for a header that no request can have. */
const check =
  (flag: string) =>
  ([name, value]: readonly [string, string]) =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
      ? Effect.succeed([name.toLowerCase(), Redacted.make(value)] as const)
      : usage(
          `--${flag}: ${JSON.stringify(name)} is no header with a value that can be sent`,
          "A name has letters, digits and dashes, and a value no line end.",
        )

/** The headers, those of the flag before that of the environment. */
export const read = (flag: string, secret: string, headers: Option.Option<HashMap.HashMap<string, string>>) =>
  Effect.gen(function* () {
    const authorization = yield* Effect.orDie(Config.option(Config.redacted(secret)))
    const entries = Option.match(headers, { onNone: () => [], onSome: HashMap.toEntries })
    return {
      ...(Option.isSome(authorization) ? { authorization: authorization.value } : {}),
      ...Object.fromEntries(yield* Effect.forEach(entries, check(flag))),
    }
  })
