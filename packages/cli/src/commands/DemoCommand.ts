/**
 * `runlease demo`: works on real documents, and kills a worker half-way.
 */
import { Command, Options } from "@effect/cli"
import { Console, Effect } from "effect"
import * as Demo from "../demo/Demo.js"
import * as Documents from "../demo/Documents.js"
import type { Summary } from "../demo/Report.js"
import * as Screen from "../demo/Screen.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"

const folder = Options.text("folder").pipe(
  Options.withDescription("The folder whose Markdown documents to work on"),
  Options.withDefault("."),
)

const keep = Options.boolean("keep").pipe(
  Options.withDescription("Keep the database, and its dashboard open until Ctrl-C"),
)

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** How to run this command again. In a clone it is not on the PATH. */
const self = Effect.sync(() =>
  process.argv[1]?.endsWith(".ts") === true ? "npx pnpm@10 runlease" : "runlease",
)

const introduction = (documents: ReadonlyArray<Documents.Document>, paint: Output.Paint): string =>
  [
    `${paint("bold", "Runlease")}: a run for each of ${plural(documents.length, "document")}, two workers, one of them killed half-way`,
    "",
    "The agent is a program in awk. It reads the document that its run names, streams the headings one by one, and ends",
    `with the counts of lines, words and headings: ${Demo.program}`,
    "",
  ].join("\n")

const tableOf = (summary: Summary, paint: Output.Paint): string => {
  const lost = summary.runs - summary.completed
  return Output.table(
    ["FROM THE STORE", ""],
    [
      ["runs", `${summary.runs}, ${summary.completed} completed`],
      ["attempts", String(summary.attempts)],
      ["events", String(summary.events)],
      ["pick-up latency p50", `${summary.pickUpP50} ms`],
      ["pick-up latency p99", `${summary.pickUpP99} ms, the wait for a free slot after the kill included`],
      ["held by the killed worker", plural(summary.held, "run")],
      [
        "taken over",
        summary.takeoverMillis === null
          ? "none"
          : `${plural(summary.takenOver, "run")} within ${seconds(summary.takeoverMillis)} of the kill`,
      ],
      ["lost", lost === 0 && summary.problems.length === 0 ? "nothing" : plural(lost, "run")],
      ["doubled", summary.problems.length === 0 ? "nothing" : "see below"],
    ],
    paint,
  )
}

/** Commands to try next. `keptDemo` is the database that `--keep` leaves behind. */
const nextSteps = (
  runlease: string,
  keptDemo: {
    readonly database: string
    readonly apiKey: string
    readonly url: string
    readonly run: string | null
  } | null,
): string => {
  const lines =
    keptDemo === null
      ? [
          ["demo --keep", "the same, and its dashboard stays open to be looked at"],
          ["serve", "a control plane of your own; it prints the commands for a worker and a run"],
          ["worker --help", "other agents: any program, a function, a language model, a coding agent"],
        ]
      : [
          ["runs list", "its runs"],
          ...(keptDemo.run === null
            ? []
            : [
                [`runs events ${keptDemo.run}`, "the log of a run that two workers have worked on"],
                [`watch ${keptDemo.run}`, "the same, as text"],
              ]),
          [`serve --database sqlite:${keptDemo.database}`, "serves it again, after Ctrl-C"],
        ]
  const width = Math.max(...lines.map(([command]) => command!.length))
  return [
    ...(keptDemo === null
      ? ["Next:"]
      : [
          `The dashboard: ${keptDemo.url}/, with the API key ${keptDemo.apiKey}. Ctrl-C ends it; the database is kept.`,
          "",
          "From another terminal:",
          `  export RUNLEASE_URL=${keptDemo.url} RUNLEASE_API_KEY=${keptDemo.apiKey}`,
        ]),
    ...lines.map(([command, comment]) => `  ${runlease} ${command!.padEnd(width)}  # ${comment}`),
  ].join("\n")
}

export const command = Command.make(
  "demo",
  { folder, keep, json: Settings.json },
  Effect.fnUntraced(function* (options) {
    const paint = yield* Output.paint
    const documents = yield* Documents.find(options.folder)
    if (!options.json) yield* Console.log(introduction(documents, paint))
    const display = options.json
      ? Screen.silent
      : Screen.make({
          documents,
          paint,
          columns: process.stdout.isTTY ? process.stdout.columns : undefined,
          write: (text) => Effect.sync(() => void process.stdout.write(text)),
        })
    const { apiKey, database, summary, url } = yield* Demo.run(documents, display, { keep: options.keep })
    if (options.json) yield* Output.json(options.keep ? { ...summary, database, api_key: apiKey } : summary)
    else yield* Console.log(`\n${tableOf(summary, paint)}\n`)
    if (summary.problems.length > 0) {
      return yield* new CommandFailure({
        message: summary.problems.join("\n"),
        exitCode: ExitCode.error,
      })
    }
    if (options.json) return
    const kept = options.keep ? { database, apiKey, url, run: summary.takenOverRun } : null
    yield* Console.log(
      [
        "Every document has one run with one outcome and its own figures, whatever was killed.",
        "",
        nextSteps(yield* self, kept),
      ].join("\n"),
    )
    if (options.keep) yield* Effect.never
  }, Effect.scoped),
).pipe(
  Describe.command(
    "See it work: start a control plane and two workers, submit a run for each Markdown document of a folder to an agent in awk, kill one worker with SIGKILL half-way, and check in the store that nothing was lost or doubled.",
    ["runlease demo --folder ./docs"],
  ),
)
