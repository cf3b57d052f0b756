/**
 * `runlease runs usage`: what a run has used, or a run with its children, and theirs.
 */
import { Command, Options } from "@effect/cli"
import { type TokenUsage, Usage } from "@runlease/core"
import { Console, Effect } from "effect"
import * as Describe from "../help/Describe.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as Output from "../output/Output.js"

const toJson = ({ cost, runs, unfinished, usage }: Usage.Usage) => ({
  runs,
  usage: usage.map((entry) => ({
    provider: entry.provider,
    model: entry.model,
    input_tokens: entry.inputTokens,
    output_tokens: entry.outputTokens,
    total_tokens: entry.totalTokens,
  })),
  cost,
  unfinished,
})

const isTree = (used: Usage.Usage | Usage.TreeUsage): used is Usage.TreeUsage => "lineage" in used

const row = ({ inputTokens, model, outputTokens, provider }: TokenUsage.TokenUsage) => [
  [provider, model].filter((name) => name !== undefined).join("/") || "unknown",
  String(inputTokens ?? ""),
  String(outputTokens ?? ""),
]

/** The facts that the table leaves out. */
const rest = ({ cost, runs, unfinished }: Usage.Usage): string =>
  [
    `${runs} ${runs === 1 ? "run" : "runs"}`,
    ...(cost === 0 ? [] : [`cost ${cost / 1_000_000}`]),
    ...(unfinished === 0
      ? []
      : [`${unfinished} ${unfinished === 1 ? "answer" : "answers"} broke off, at an unknown cost`]),
  ].join(", ")

/** The sums as text: a table of the models, and the rest. */
const print = (used: Usage.Usage) =>
  Effect.gen(function* () {
    const paint = yield* Output.paint
    if (used.usage.length > 0) {
      yield* Console.log(Output.table(["MODEL", "INPUT", "OUTPUT"], used.usage.map(row), paint))
    }
    yield* Console.log(rest(used))
  })

/** @category commands */
export const command = Command.make(
  "usage",
  {
    connection: Settings.connection,
    json: Settings.json,
    tree: Options.boolean("tree").pipe(Options.withDescription("With its children, and theirs")),
    runId,
  },
  (options) =>
    Effect.gen(function* () {
      const used = yield* options.tree ? Usage.ofTree(options.runId) : Usage.ofRun(options.runId)
      const lineage = isTree(used) ? used.lineage : undefined
      if (options.json) {
        return yield* Output.json({
          ...toJson(used),
          ...(lineage === undefined ? {} : { lineage: toJson(lineage) }),
        })
      }
      yield* print(used)
      if (lineage === undefined || lineage.runs === 0) return
      yield* Console.log("\nApart from the tree: retries, forks and detached children")
      yield* print(lineage)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Show what a run has used, in all of its attempts.", [
    "runlease runs usage RUN",
    "runlease runs usage RUN --tree",
  ]),
)
