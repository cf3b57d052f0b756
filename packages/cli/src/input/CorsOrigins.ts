/**
 * `--cors-origin`: which pages of browsers may call the server.
 */
import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { Config, Effect } from "effect"

const setting = "RUNLEASE_CORS_ORIGIN"

const origin = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,]+$/i

const isAllowed = (text: string): boolean => text === "*" || text === "null" || origin.test(text)

/** The origins of the flag, which may be repeated or contain commas; else those of the setting. */
export const option: Options.Options<ReadonlyArray<string>> = Options.text("cors-origin").pipe(
  Options.withDescription(
    `An origin whose pages may call the API, or *; repeatable, or with commas (${setting})`,
  ),
  Options.repeated,
  Options.mapEffect((flags) =>
    Effect.gen(function* () {
      const texts =
        flags.length > 0
          ? flags
          : [yield* Effect.orElseSucceed(Config.withDefault(Config.string(setting), ""), () => "")]
      const origins = texts.flatMap((text) => text.split(",")).map((text) => text.trim())
      const wrong = origins.find((text) => text !== "" && !isAllowed(text))
      if (wrong !== undefined) {
        return yield* Effect.fail(
          ValidationError.invalidValue(
            HelpDoc.p(
              `${flags.length > 0 ? "--cors-origin" : setting} takes origins such as https://app.example.com, without a path, or *, not ${JSON.stringify(wrong)}`,
            ),
          ),
        )
      }
      return origins.filter((text) => text !== "")
    }),
  ),
)
