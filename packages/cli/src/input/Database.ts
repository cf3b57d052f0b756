/**
 * `--database`: the database that stores the runs.
 */
import { Options } from "@effect/cli"
import { Config, Effect, Redacted } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"

/** A SQLite file. */
export interface Sqlite {
  readonly _tag: "Sqlite"
  readonly filename: string
  /** Its name for messages, without secrets. */
  readonly shown: string
}

/** A PostgreSQL database. */
export interface Postgres {
  readonly _tag: "Postgres"
  readonly url: Redacted.Redacted
  readonly shown: string
}

export const option = Options.text("database").pipe(
  Options.withDescription("sqlite:PATH or postgres://USER@HOST/NAME"),
  Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_DATABASE")),
  Options.withDefault("sqlite:.runlease/runlease.sqlite"),
)

const unsupported = (setting: string): CommandFailure =>
  usage(
    `The database ${JSON.stringify(setting.replace(/:.*/s, ":…"))} is not one that this version keeps runs in`,
    "Name a file as sqlite:PATH, such as sqlite:.runlease/runlease.sqlite, or a PostgreSQL database as postgres://USER@HOST/NAME.",
  )

const postgres = (setting: string): Effect.Effect<Postgres, CommandFailure> =>
  URL.canParse(setting)
    ? Effect.sync(() => {
        const { host, pathname } = new URL(setting)
        return {
          _tag: "Postgres",
          url: Redacted.make(setting),
          shown: `postgres://${host}${pathname}`,
        } as const
      })
    : Effect.fail(unsupported(setting))

/** The database that a setting names. Fails for any other scheme than `sqlite:` and `postgres:`. */
export const parse = (setting: string): Effect.Effect<Sqlite | Postgres, CommandFailure> => {
  if (/^postgres(ql)?:\/\//.test(setting)) return postgres(setting)
  const filename = setting.startsWith("sqlite:") ? setting.slice("sqlite:".length) : ""
  return filename === ""
    ? Effect.fail(unsupported(setting))
    : Effect.succeed({ _tag: "Sqlite", filename, shown: setting })
}
