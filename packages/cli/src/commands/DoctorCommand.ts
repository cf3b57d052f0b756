/**
 * `runlease doctor`: checks a deployment and says what to change.
 */
import { Command, Options } from "@effect/cli"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { HealthCheck } from "@runlease/core"
import { DatabaseChecks, PostgresPool } from "@runlease/sql"
import { Config, Console, Effect, Option } from "effect"
import * as ServerChecks from "../doctor/ServerChecks.js"
import * as Describe from "../help/Describe.js"
import * as Database from "../input/Database.js"
import * as Settings from "../input/Settings.js"
import { ExitCode, QuietExit } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"

/** What was checked, and what was found. */
interface Examined {
  readonly subject: "server" | "database"
  readonly name: string
  readonly reports: ReadonlyArray<HealthCheck.Report>
}

const database = Options.text("database").pipe(
  Options.withDescription("Check this database too: sqlite:PATH or postgres://USER@HOST/NAME"),
  Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_DATABASE")),
  Options.optional,
)

const examineDatabase = Effect.fnUntraced(function* (setting: string) {
  const parsed = yield* Database.parse(setting)
  const reports =
    parsed._tag === "Sqlite"
      ? yield* DatabaseChecks.sqlite(parsed.filename)
      : yield* DatabaseChecks.postgres({ url: parsed.url, ...(yield* PostgresPool.limits) })
  const examined: Examined = { subject: "database", name: parsed.shown, reports }
  return examined
})

const examineServer = (connection: Settings.Connection) =>
  Effect.map(ServerChecks.run(connection), (reports): Examined => ({
    subject: "server",
    name: Settings.shown(connection.url),
    reports,
  })).pipe(Effect.provide(NodeHttpClient.layerUndici))

/** Whether only the database is meant: nothing names a server. */
const isDatabaseOnly = ({ apiKey, url }: Settings.Connection, database: Option.Option<string>): boolean =>
  Option.isSome(database) && Option.isNone(apiKey) && url === Settings.defaultUrl

const labels: Readonly<Record<HealthCheck.Verdict, readonly [string, Parameters<Output.Paint>[0]]>> = {
  ok: ["ok  ", "green"],
  warn: ["warn", "yellow"],
  fail: ["FAIL", "red"],
}

const toText = (examined: ReadonlyArray<Examined>, paint: Output.Paint): string => {
  const all = examined.flatMap(({ reports }) => reports)
  const width = Math.max(...all.map(({ check }) => check.length))
  const count = (verdict: HealthCheck.Verdict) => all.filter((report) => report.verdict === verdict).length
  const lines = examined.flatMap(({ name, reports, subject }) => [
    paint("bold", `${subject === "server" ? "Server" : "Database"} ${name}`),
    ...reports.flatMap(({ advice, check, message, verdict }) => {
      const [label, colour] = labels[verdict]
      return [
        `  ${paint(colour, label)}  ${check.padEnd(width)}  ${message}`,
        ...(advice === null ? [] : [`        ${" ".repeat(width)}  ${paint("bold", "->")} ${advice}`]),
      ]
    }),
    "",
  ])
  return [
    ...lines,
    `${Phrases.count(count("fail"), "failure")}, ${Phrases.count(count("warn"), "warning")}, ${count("ok")} fine.`,
  ].join("\n")
}

export const command = Command.make(
  "doctor",
  { connection: Settings.connection, database, json: Settings.json },
  ({ connection, database, json }) =>
    Effect.gen(function* () {
      const examined = [
        ...(isDatabaseOnly(connection, database) ? [] : [yield* examineServer(connection)]),
        ...(Option.isSome(database) ? [yield* examineDatabase(database.value)] : []),
      ]
      const reports = examined.flatMap(({ name, reports: found, subject }) =>
        found.map((report) => ({ subject, name, ...report })),
      )
      yield* json
        ? Effect.forEach(reports, Output.json, { discard: true })
        : Console.log(toText(examined, yield* Output.paint))
      if (reports.some(({ verdict }) => verdict === "fail")) {
        return yield* new QuietExit({ exitCode: ExitCode.error })
      }
    }),
).pipe(
  Describe.command(
    "Check a deployment and say what to change. It only reads. Exits with 1 when a check fails. With --database it also looks at what only the database shows.",
    ["runlease doctor", "runlease doctor --database postgres://runlease@db/runlease"],
  ),
)
