/**
 * `runlease demo`: works on real documents, and kills a worker in the middle of a step.
 */
import { Command, Options } from "@effect/cli"
import { Console, Effect } from "effect"
import * as AgentsModule from "../demo/AgentsModule.js"
import * as Demo from "../demo/Demo.js"
import * as Display from "../demo/Display.js"
import * as Documents from "../demo/Documents.js"
import type { Summary } from "../demo/Report.js"
import * as Screen from "../demo/Screen.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as Terminal from "../output/Terminal.js"
import * as Settings from "../input/Settings.js"
import * as Self from "../self/Self.js"

const folder = Options.text("folder").pipe(
  Options.withDescription("The folder whose Markdown documents to work on"),
  Options.withDefault("."),
)

const keep = Options.boolean("keep").pipe(
  Options.withDescription("Keep the database, and its dashboard open until Ctrl-C"),
)

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const introduction = (documents: ReadonlyArray<Documents.Document>, paint: Output.Paint): string =>
  [
    `${paint("bold", "Runlease")}: an editor of three steps, a run for each of ${plural(documents.length, "document")}, two workers, one of them killed`,
    "",
    "The editor counts the documents, pays for their outline, and writes it; then it waits for a decision to publish it. Its worker",
    "is killed while it pays. An outliner reads each document and records its headings one by one. Both agents:",
    `  ${AgentsModule.path}`,
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
      ["steps recorded", String(summary.steps)],
      ["payments in the ledger", String(summary.payments)],
      ["pick-up latency p50", `${summary.pickUpP50} ms`],
      ["pick-up latency p99", `${summary.pickUpP99} ms, the wait for a free slot after the kill included`],
      ["interrupted by the kill", plural(summary.interrupted, "run")],
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

/** Commands to try next. `demo` is the database that `--keep` leaves behind. */
const nextSteps = (
  runlease: string,
  demo: {
    readonly database: string
    readonly apiKey: string
    readonly url: string
    readonly run: string
  } | null,
): string => {
  const lines =
    demo === null
      ? [
          ["demo --keep", "the same, and its dashboard stays open to be looked at"],
          ["serve", "a control plane of your own; it prints the commands for a worker and a run"],
          ["worker --help", "other agents: any program, a function, a language model, a coding agent"],
        ]
      : [
          ["runs list", "its runs"],
          [`runs explain ${demo.run}`, "which worker ran the editor when, and what was lost"],
          [`runs events ${demo.run}`, "its log, with its steps"],
          [`serve --database sqlite:${demo.database}`, "serves it again, after Ctrl-C"],
        ]
  const width = Math.max(...lines.map(([command]) => command!.length))
  return [
    ...(demo === null
      ? ["Next:"]
      : [
          `The dashboard: ${demo.url}/, with the API key ${demo.apiKey}. Ctrl-C ends it; the database stays.`,
          "",
          "From another terminal:",
          `  export RUNLEASE_URL=${demo.url} RUNLEASE_API_KEY=${demo.apiKey}`,
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
      ? Display.silent
      : Screen.make({
          documents,
          paint,
          columns: process.stdout.isTTY ? process.stdout.columns : undefined,
          write: Terminal.write,
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
    const demo = options.keep ? { database, apiKey, url, run: summary.editorRun } : null
    yield* Console.log(
      [
        "Whatever was killed: the editor has paid once, no step is recorded twice, and every document has one run with its own outline.",
        "",
        nextSteps(yield* Self.invocation, demo),
      ].join("\n"),
    )
    if (options.keep) yield* Effect.never
  }, Effect.scoped),
).pipe(
  Describe.command(
    "See it work: start a control plane and two workers, with an agent of three recorded steps and a run for each Markdown document of a folder, kill a worker with SIGKILL in the middle of a step, answer its question, and check in the store that nothing was lost or doubled.",
    ["runlease demo --folder ./docs"],
  ),
)
