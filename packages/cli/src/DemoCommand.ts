/**
 * `runlease demo`: the main job on real documents, with a worker killed half-way.
 */
import { Command, Options } from "@effect/cli"
import { Console, Effect } from "effect"
import type { Stage } from "./demo/Demo.js"
import * as Demo from "./demo/Demo.js"
import * as Documents from "./demo/Documents.js"
import type { Summary } from "./demo/Report.js"
import { CommandFailure, ExitCode } from "./ExitCode.js"
import * as Output from "./Output.js"
import * as Settings from "./Settings.js"

const folder = Options.text("folder").pipe(
  Options.withDescription("The folder whose Markdown documents to work on"),
  Options.withDefault("."),
)

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** Tells it all as lines, the first document's outline as it streams. */
const onStage = (documents: ReadonlyArray<Documents.Document>, paint: Output.Paint): Stage => ({
  started: ({ database, url, workers }) =>
    Console.log(
      [
        `  server    ${url}, database ${database}`,
        ...workers.map((worker) => `  worker ${worker.name}  process ${worker.pid}`),
        "",
        `${paint("bold", documents[0]!.name)}, as it streams:`,
      ].join("\n"),
    ),
  event: (document, { event }) =>
    document === documents[0] && event.type === "TEXT_MESSAGE_CONTENT"
      ? Console.log(paint("cyan", `  | ${String(event["delta"]).trimEnd()}`))
      : Effect.void,
  finished: (document, done) =>
    Console.log(
      `  ${paint("green", "done")}  ${String(done).padStart(3)}/${documents.length}  ${document.name}`,
    ),
  killed: (worker, held) =>
    Console.log(
      [
        paint("red", `  kill -9 of worker ${worker.name}, which held ${plural(held.length, "run")}:`),
        ...held.map((document) => `        ${document.name}`),
        "  their leases lapse within 5 s; then the other worker takes them over",
      ].join("\n"),
    ),
})

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
      [
        "takeover",
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

export const command = Command.make(
  "demo",
  { folder, json: Settings.json },
  Effect.fnUntraced(function* (options) {
    const paint = yield* Output.paint
    const documents = yield* Documents.find(options.folder)
    const silent: Stage = {
      started: () => Effect.void,
      event: () => Effect.void,
      finished: () => Effect.void,
      killed: () => Effect.void,
    }
    if (!options.json) {
      yield* Console.log(
        `${paint("bold", "Runlease")}: a run for each of ${plural(documents.length, "document")}, two workers, one of them killed half-way\n`,
      )
    }
    const summary = yield* Effect.scoped(
      Demo.run(documents, options.json ? silent : onStage(documents, paint)),
    )
    yield* options.json ? Output.json(summary) : Console.log(`\n${tableOf(summary, paint)}`)
    if (summary.problems.length > 0) {
      return yield* new CommandFailure({
        message: summary.problems.join("\n"),
        exitCode: ExitCode.error,
      })
    }
    if (!options.json) {
      yield* Console.log(
        "\nEvery document has one run with one outcome and its own figures, whatever was killed.\n" +
          "Next: runlease serve, and runlease worker --help",
      )
    }
  }),
).pipe(
  Command.withDescription(
    "See it work: start a control plane and two workers, submit a run for each Markdown document of a folder to an agent " +
      "in awk, kill one worker with SIGKILL half-way, and check in the store that nothing was lost or doubled. " +
      "Example: runlease demo --folder ./docs",
  ),
)
