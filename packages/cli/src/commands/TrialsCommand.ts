/**
 * `runlease trials`: past runs once more with something changed, and a comparison with what they were.
 */
import { Command, Options } from "@effect/cli"
import { BulkOperations, Ids, Run, Runs, Trial } from "@runlease/core"
import * as TrialCase from "@runlease/core/TrialCase"
import * as TrialReport from "@runlease/core/TrialReport"
import { canonicalJson } from "@runlease/core/Json"
import { Value } from "@runlease/core/Labels"
import { maxRunIds } from "@runlease/core/BulkOperation"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Console, DateTime, Effect, Option, Predicate, Struct } from "effect"
import * as Module from "../executors/Module.js"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as ForkEdits from "../input/ForkEdits.js"
import { positional } from "../input/PositionalText.js"
import * as RunFilterFlags from "../input/RunFilterFlags.js"
import * as Settings from "../input/Settings.js"
import * as BulkLines from "../output/BulkLines.js"
import { CommandFailure, ExitCode, QuietExit, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as TrialLines from "../trials/TrialLines.js"
import * as BulkCommand from "./BulkCommand.js"

const name = positional("name", Value, "The name of the trial: its runs have the label trial=NAME")

// Here --agent says which runs.
const { agent: _agent, ...edits } = ForkEdits.flags

type Filter = Parameters<typeof RunFilterFlags.toFilter>[0]

/** The newest runs that have ended and match. Runs of trials are none of them, nor are children. */
const originals = (options: Filter, limit: number) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const filter = RunFilterFlags.toFilter(options, yield* DateTime.now)
    const status = filter.status ?? Run.RunStatus.literals.filter(Run.isTerminal)
    const found: Array<Run.Run> = []
    let cursor: string | undefined
    do {
      const page: { readonly items: ReadonlyArray<Run.Run>; readonly next: string | null } = yield* runs.list(
        { ...filter, status, roots: true, limit: 100, cursor },
      )
      found.push(...page.items.filter((run) => Run.isTerminal(run.status) && !Trial.isTrial(run.labels)))
      cursor = page.next ?? undefined
    } while (cursor !== undefined && found.length < limit)
    return found.slice(0, limit).map(({ runId }) => runId)
  })

const explain = (error: unknown): unknown =>
  error instanceof BulkOperations.InvalidBulk
    ? usage(`${SnakeCase.snakeCase(error.field)}: ${error.message}`)
    : error

const isStart = (text: string): boolean => text === "start"

const create = Command.make(
  "create",
  {
    ...BulkCommand.common,
    name,
    ...RunFilterFlags.listed,
    limit: Flag.whole("limit", { minimum: 1, maximum: maxRunIds }).pipe(
      Options.withDescription("How many runs, the newest first"),
      Options.withDefault(100),
    ),
    after: Options.text("after").pipe(
      Options.withDescription(
        "start, or the event id up to which each run of the trial has what its original had recorded",
      ),
      Options.withDefault("start"),
    ),
    ...edits,
    toAgent: Flag.text("to-agent", Ids.NewAgentId).pipe(
      Options.withDescription("The agent that does the runs of the trial"),
      Options.optional,
    ),
    tools: Options.choice("tools", Trial.Tools.literals).pipe(
      Options.withDescription(
        "recorded: a tool call that the original has made too gets its result, and others are refused; live: they are made; refuse: all are refused",
      ),
      Options.withDefault("recorded" as const),
    ),
    budget: Flag.limits("budget").pipe(
      Options.withDescription(
        "What the runs of the trial may spend together, as tokens=2000000; each has an equal share",
      ),
    ),
    dryRun: Options.boolean("dry-run").pipe(
      Options.withDescription("Submit no run, and count those that would be"),
    ),
    wait: BulkCommand.wait,
  },
  (options) =>
    Effect.gen(function* () {
      const after = isStart(options.after) ? 0 : Number(options.after)
      if (!Number.isSafeInteger(after) || after < 0) {
        return yield* usage("--after takes start or the id of an event", "Give --after start or --after 12.")
      }
      const bulks = yield* BulkOperations.BulkOperations
      const changes = yield* ForkEdits.editsOf({ ...options, agent: options.toAgent })
      const runIds = yield* originals(options, options.limit)
      if (runIds.length === 0) {
        return yield* new CommandFailure({
          message: "No run that has ended matches",
          hint: "See which there are with: runlease runs list --root",
          exitCode: ExitCode.error,
        })
      }
      const trial = {
        name: options.name,
        after,
        tools: options.tools,
        budget: options.budget,
        ...(changes === undefined ? {} : { edits: changes }),
      }
      const begun = yield* bulks.create({
        action: "trial",
        runIds,
        trial,
        ...(options.dryRun ? { dryRun: true } : { idempotencyKey: `trial ${options.name}`.slice(0, 128) }),
      })
      if (begun.trial === undefined || canonicalJson(begun.trial) !== canonicalJson(trial)) {
        return yield* usage(
          `A trial ${JSON.stringify(options.name)} exists with other values`,
          "Choose another name.",
        )
      }
      const bulk = options.wait || options.dryRun ? yield* BulkCommand.ended(begun) : begun
      yield* options.json
        ? Output.json(BulkLines.toJson(bulk))
        : Console.log([BulkLines.countsOf(bulk), ...BulkLines.failuresOf(bulk)].join("\n"))
      if (options.wait && bulk.failed > 0) yield* new QuietExit({ exitCode: ExitCode.error })
    }).pipe(Settings.withClient(options.connection), Effect.mapError(explain)),
).pipe(
  Describe.command(
    "Submit past runs once more with something changed, as runs with the label trial=NAME. They go behind all other runs, have a new conversation, and send no webhook.",
    [
      "runlease trials create shorter --label prod --limit 200 --message Shorter --budget tokens=2000000",
      `runlease trials create model --agent support --to-agent support-small --budget tokens=500000 --wait`,
    ],
  ),
)

const isScore = (value: unknown): value is (pair: object) => unknown => Predicate.isFunction(value)

/** The function that the module at `path` exports as its default, as a function of a pair. */
const scoreOf = (path: string) =>
  Effect.gen(function* () {
    const module = yield* Module.read(path, "--score")
    const score = Predicate.hasProperty(module, "default") ? module.default : undefined
    if (!isScore(score)) {
      return yield* usage(
        `--score: ${path} has no default export that is a function`,
        "Write it as: export default ({ original, trial }) => trial.tokens < original.tokens ? 1 : 0",
      )
    }
    return (pair: TrialReport.Pair) =>
      Effect.map(
        Effect.tryPromise({
          try: async () => score(Struct.pick(TrialLines.toJson(pair), "original", "trial")),
          catch: (error) =>
            new CommandFailure({
              message: `--score failed for run ${pair.trial.run.runId}: ${String(error)}`,
              exitCode: ExitCode.error,
            }),
        }),
        (value): TrialLines.Scored => ({ ...pair, score: value }),
      )
  })

/** Stores the score of a run of the trial as its label. */
const saveScore = ({ score, trial }: TrialLines.Scored) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    runs.label(trial.run.runId, { [Trial.scoreLabel]: TrialLines.scoreText(score) }),
  ).pipe(
    Effect.catchTag(
      "LabelsRefused",
      (error) =>
        new CommandFailure({
          message: `--save: the score of run ${trial.run.runId} is no label: ${error.message}`,
          exitCode: ExitCode.error,
        }),
    ),
  )

const report = Command.make(
  "report",
  {
    ...BulkCommand.common,
    name,
    score: Options.text("score").pipe(
      Options.withDescription(
        "A JavaScript or TypeScript module whose default export is a function of { original, trial }; its result is a column",
      ),
      Options.optional,
    ),
    save: Options.boolean("save").pipe(
      Options.withDescription(
        "Give each run of the trial its score as the label trial_score, which the dashboard shows",
      ),
    ),
  },
  (options) =>
    Effect.gen(function* () {
      if (options.save && Option.isNone(options.score)) {
        return yield* usage("--save needs scores", "Give --score ./score.ts too.")
      }
      const score = Option.isSome(options.score) ? yield* scoreOf(options.score.value) : undefined
      const found = yield* TrialReport.pairs(options.name)
      if (found.length === 0) {
        return yield* new CommandFailure({
          message: `No run is in a trial ${JSON.stringify(options.name)}`,
          hint: "Make one with: runlease help trials create",
          exitCode: ExitCode.error,
        })
      }
      const pairs: ReadonlyArray<TrialLines.Scored> =
        score === undefined ? found : yield* Effect.forEach(found, score)
      if (options.save) yield* Effect.forEach(pairs, saveScore, { concurrency: 8, discard: true })
      if (!options.json) return yield* Console.log(TrialLines.toText(pairs, yield* Output.paint))
      yield* Effect.forEach(pairs, (pair) => Output.json(TrialLines.toJson(pair)), { discard: true })
      yield* Output.json(TrialLines.summaryToJson(pairs))
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Compare each run of a trial with its original: outcome, tokens, cost, seconds, steps, tool calls, and what differs in the last message; with medians and totals. --json prints a line for each pair, and one for all.",
    ["runlease trials report shorter", "runlease trials report shorter --score ./score.ts --save"],
  ),
)

const keep = Command.make(
  "keep",
  {
    connection: Settings.connection,
    runId: positional("run", Ids.RunId, "The id of a run of a trial, as trials report shows it"),
  },
  ({ connection, runId }) =>
    Effect.gen(function* () {
      const one = yield* TrialCase.ofRun(runId)
      yield* Console.log(JSON.stringify(one, null, 2))
    }).pipe(
      Settings.withClient(connection),
      Effect.mapError((error) =>
        error instanceof TrialCase.NoCase
          ? new CommandFailure({
              message: error.message,
              hint: "See the runs of a trial with: runlease help trials report",
              exitCode: ExitCode.error,
            })
          : error,
      ),
    ),
).pipe(
  Describe.command(
    "Print a run of a trial as JSON, for Trial.test of @runlease/testkit: its request, the results of its tools, and what became of it.",
    ["runlease trials keep RUN > case.json"],
  ),
)

export const command = Command.make("trials").pipe(
  Describe.command("Do past runs once more with something changed, and see what differs."),
  Command.withSubcommands([create, report, keep]),
)
