/**
 * `runlease crash-test`: what changes for a run of an agent where its worker dies.
 */
import { relative, sep } from "node:path"
import { Args, Command, Options } from "@effect/cli"
import { Executor, Ids, RequestSnapshot, Runs } from "@runlease/core"
import * as CrashTest from "@runlease/core/CrashTest"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Effect, type Layer, Option, Predicate, Schema } from "effect"
import { moduleLayer } from "../executors/Module.js"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { positionalText } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import { inputOf, requestOf } from "../input/TextInput.js"
import { CommandFailure, ExitCode, QuietExit, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"

const newAgentId = Schema.decodeSync(Ids.NewAgentId)

/** A place in the source, relative to the working folder where it is in that: `refunds.ts:12:23`. */
const shown = (at: string): string => {
  const path = relative(process.cwd(), at)
  return path.startsWith(`..${sep}`) ? at : path
}

const table = (rows: ReadonlyArray<CrashTest.Row>, paint: Output.Paint): string =>
  Output.table(
    ["", "OVER ALL CRASHES", "SOURCE"],
    rows.map(({ at, kind, name, place, times }) => [
      kind === "step" ? name : `  ${name}${place === "outside of steps" ? ", outside of steps" : ""}`,
      times,
      at === undefined ? "" : shown(at),
    ]),
    paint,
  )

const toText = ({ crashes, problems, rows }: CrashTest.Report, paint: Output.Paint): string => {
  const tested =
    crashes.length === 0
      ? "No crash was tested"
      : `The worker died at ${Phrases.count(crashes.length, "place")}`
  const found = problems.length === 0 ? "no problem was found" : Phrases.count(problems.length, "problem")
  return [
    ...(rows.length === 0 || crashes.length === 0 ? [] : [table(rows, paint), ""]),
    ...problems.flatMap((problem) => [CrashTest.toText(problem, shown), ""]),
    `${tested}: ${found}.`,
  ].join("\n")
}

const toJson = ({ crashes, problems, rows }: CrashTest.Report) => ({
  crashes,
  problems: problems.map(({ at, crash, ...problem }) => ({
    ...problem,
    at: at ?? null,
    crash: crash ?? null,
  })),
  rows: rows.map(({ at, place, ...row }) => ({ ...row, place: place ?? null, at: at ?? null })),
})

/** The agent that is named, or the only one that the module has. An executor of all agents takes any. */
const agentOf = (named: Option.Option<Ids.AgentId>, layer: Layer.Layer<Executor.Executor>) =>
  Option.match(named, {
    onSome: Effect.succeed,
    onNone: () =>
      Effect.flatMap(Effect.provide(Executor.all, layer), ({ agents, isOpen }) =>
        agents.length > 1 || (agents.length === 1 && isOpen)
          ? Effect.fail(
              usage(
                "No agent was named",
                `Name it with --agent: the module has ${agents.map(({ name }) => name).join(", ")}.`,
              ),
            )
          : Effect.succeed(newAgentId(agents[0]?.name ?? "agent")),
      ),
  })

const answersOf = (answers: Option.Option<string>) =>
  Option.match(answers, {
    onNone: () => Effect.succeed({}),
    onSome: (text) =>
      Effect.filterOrFail(inputOf(text), Predicate.isRecord, () =>
        usage("--answers is no JSON object", `Give one as --answers '{"approve": true}'.`),
      ),
  })

export const command = Command.make(
  "crash-test",
  {
    module: Options.text("module").pipe(
      Options.withDescription("The agent: a JavaScript or TypeScript module that exports an executor"),
    ),
    agent: Flag.text("agent", Ids.NewAgentId).pipe(
      Options.withDescription("Which agent the run is for; that of the module when it has one alone"),
      Options.optional,
    ),
    input: Options.text("input").pipe(
      Options.withDescription("The payload of the agent, as JSON; @FILE reads a file, - reads stdin"),
      Options.optional,
    ),
    answers: Options.text("answers").pipe(
      Options.withDescription(
        "The answers to the questions of the run, by their names, as JSON; @FILE reads a file",
      ),
      Options.optional,
    ),
    mayRepeat: Options.text("may-repeat").pipe(
      Options.withDescription(
        "URLs that begin so may be called again without an idempotency key, as that of a model; may be repeated",
      ),
      Options.repeated,
    ),
    json: Settings.json,
    text: Args.optional(
      positionalText("text", "What to say to the agent, in place of --input; - reads stdin"),
    ),
  },
  ({ agent, answers, input, json, mayRepeat, module, text }) =>
    Effect.gen(function* () {
      const request = yield* requestOf({ text, input, file: Option.none() })
      const byName = yield* answersOf(answers)
      // A module may make its steps while it is loaded.
      yield* CrashTest.readingPlaces
      const layer = yield* moduleLayer(module)
      const agentId = yield* agentOf(agent, layer)
      const submit = Effect.flatMap(Runs.Runs, (runs) =>
        runs.submit({ agentId, snapshot: request ?? RequestSnapshot.empty }),
      )
      const report = yield* Effect.mapError(
        CrashTest.run(layer, submit, MemoryControlPlane.layer, { answers: byName, mayRepeat }),
        ({ message }) => new CommandFailure({ message, exitCode: ExitCode.error }),
      )
      yield* json ? Output.json(toJson(report)) : Console.log(toText(report, yield* Output.paint))
      if (report.problems.length > 0) return yield* new QuietExit({ exitCode: ExitCode.error })
    }).pipe(Effect.scoped),
).pipe(
  Describe.command(
    "Crash-test an agent: what changes for a run where its worker dies? The run is executed once, and then once more for each write and each call after which the worker may die, with a takeover. Its calls by fetch and HttpClient are made once, and answered from that afterwards; it uses no server. It exits with 1 where something is done twice, or differs.",
    [
      `runlease crash-test --module ./refunds.ts --input '{"order": "7"}'`,
      `runlease crash-test --module ./agents.ts --agent refund --input @order.json --answers '{"approve": true}'`,
      "runlease crash-test --module ./writer.ts --may-repeat https://api.openai.com/ 'Write a poem'",
    ],
  ),
)
