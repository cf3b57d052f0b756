/**
 * `runlease runs`: lists, shows, cancels, resumes and prunes runs.
 */
import { Command, Options } from "@effect/cli"
import {
  type ControlPlaneError,
  Ids,
  Labels,
  type Page,
  Run,
  RunLog,
  Runs,
  type TokenUsage,
  Usage,
} from "@runlease/core"
import { Chunk, Console, DateTime, Duration, Effect, Option, Stream } from "effect"
import * as Describe from "../help/Describe.js"
import * as ApiClient from "../input/ApiClient.js"
import * as Flag from "../input/Flag.js"
import * as ForkEdits from "../input/ForkEdits.js"
import { runId } from "../input/PositionalText.js"
import * as RunFilterFlags from "../input/RunFilterFlags.js"
import * as Settings from "../input/Settings.js"
import { ExitCode, QuietExit, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as RunLines from "../output/RunLines.js"
import * as BulkCommand from "./BulkCommand.js"
import * as ExplainCommand from "./ExplainCommand.js"
import { inputOf } from "./RunInput.js"
import * as FromStart from "./FromStart.js"
import * as CallbackCommand from "./CallbackCommand.js"
import * as ResumeCommand from "./ResumeCommand.js"

const newRunId = Flag.text("id", Ids.NewRunId).pipe(
  Options.withDescription("The id of the new run, which makes the command idempotent"),
  Options.optional,
)

/** `runlease runs retry`: submits a run again that has ended. */
const retryCommand = Command.make(
  "retry",
  {
    connection: Settings.connection,
    json: Settings.json,
    runId,
    id: newRunId,
    ...FromStart.flags,
  },
  ({ connection, fromStart, id, json, runId: name, yes }) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      if (fromStart && !yes) {
        const { status } = yield* runs.get(name)
        // A run that has not ended is refused, without a question.
        if (Run.isTerminal(status)) yield* FromStart.confirmRun(name)
      }
      const { run } = yield* runs.retry(name, { publicId: Option.getOrUndefined(id), fromStart })
      yield* json ? Output.json(RunLines.toJson(run)) : Console.log(run.runId)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Submit a run again that has ended, as a new run whose id is printed. It has what the run had recorded, and begins with what failed. With --from-start it does all of it again, and needs a confirmation where steps are recorded.",
    ["runlease runs retry RUN", "runlease runs retry RUN --from-start"],
  ),
)

/** `runlease runs label`: changes labels of a run, also of one that has ended. */
const labelCommand = Command.make(
  "label",
  {
    connection: Settings.connection,
    json: Settings.json,
    runId,
    set: Flag.labels("set").pipe(
      Options.withDescription("A label that the run gets, as name=value; may be repeated"),
    ),
    remove: Flag.texts("remove", Labels.Name).pipe(
      Options.withDescription("The name of a label that the run loses; may be repeated"),
    ),
  },
  ({ connection, json, remove, runId: id, set = Labels.none }) =>
    Effect.gen(function* () {
      const changes = { ...Object.fromEntries(remove.map((name) => [name, null])), ...set }
      if (Object.keys(changes).length < remove.length + Object.keys(set).length) {
        return yield* usage("A label is both set and removed", "Name each label once.")
      }
      if (Labels.isEmpty(set) && remove.length === 0) {
        return yield* usage("There is nothing to change", "Give --set NAME=VALUE or --remove NAME.")
      }
      const runs = yield* Runs.Runs
      const run = yield* runs.label(id, changes)
      yield* json
        ? Output.json(RunLines.toJson(run))
        : Console.log(RunLines.ofLabels(run.labels) ?? "No labels")
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Change labels of a run, also of one that has ended, and print those that it has then.", [
    "runlease runs label RUN --set reviewed=yes --remove tier",
  ]),
)

/** A run, with the lines that lead to it from those above. */
interface Node {
  readonly run: Run.Run
  readonly lead: string
}

type Failure = Page.InvalidCursor | ControlPlaneError.ControlPlaneError

/** The runs right below a run, in the order of their submission. */
const below = (parentRunId: Ids.RunId): Effect.Effect<ReadonlyArray<Run.Run>, Failure, Runs.Runs> =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
      Effect.map(
        runs.list({ parentRunId, limit: 100, ...(cursor === undefined ? {} : { cursor }) }),
        (page) => [
          Chunk.fromIterable(page.items),
          page.next === null ? Option.none() : Option.some(page.next),
        ],
      ),
    ).pipe(
      Stream.runCollect,
      Effect.map((all) => Array.from(all).toReversed()),
    ),
  )

/** The run and all runs below it, each before those below it. `indent` begins the lines below the run. */
const nodes = (run: Run.Run, lead: string, indent: string): Stream.Stream<Node, Failure, Runs.Runs> =>
  Stream.concat(
    Stream.succeed<Node>({ run, lead }),
    Stream.unwrap(
      Effect.map(below(run.runId), (children) =>
        Stream.flatMap(Stream.fromIterable(children.entries()), ([index, child]) =>
          index === children.length - 1
            ? nodes(child, `${indent}└─ `, `${indent}   `)
            : nodes(child, `${indent}├─ `, `${indent}│  `),
        ),
      ),
    ),
  )

/** `runlease runs tree`: a run and the runs below it. */
const treeCommand = Command.make(
  "tree",
  { connection: Settings.connection, json: Settings.json, runId },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const paint = yield* Output.paint
      const root = yield* runs.get(options.runId)
      yield* Stream.runForEach(nodes(root, "", ""), ({ lead, run }) =>
        options.json
          ? Output.json(RunLines.toJson(run))
          : Console.log(`${paint("dim", lead)}${RunLines.toBranch(run, paint)}`),
      )
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Show a run and the runs below it, each with its status.", ["runlease runs tree RUN"]),
)

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

/** `runlease runs usage`: what a run has used, or a run with its children, and theirs. */
const usageCommand = Command.make(
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

const common = { connection: Settings.connection, json: Settings.json }

const show = (json: boolean, runs: ReadonlyArray<Run.Run>) =>
  json
    ? Effect.forEach(runs, (run) => Output.json(RunLines.toJson(run)), { discard: true })
    : Effect.flatMap(Output.paint, (paint) =>
        Console.log(
          Output.table(
            RunLines.headings,
            runs.map((run) => RunLines.toRow(run, paint)),
            paint,
          ),
        ),
      )

const list = Command.make(
  "list",
  {
    ...common,
    ...RunFilterFlags.listed,
    ...RunFilterFlags.order,
    ...Flag.flags,
  },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const page = yield* runs.list({
        ...RunFilterFlags.toFilter(options, yield* DateTime.now),
        ...(options.oldestFirst ? { oldestFirst: true } : {}),
        cursor: Option.getOrUndefined(options.cursor),
        limit: options.limit,
      })
      if (page.items.length > 0 || options.json) yield* show(options.json, page.items)
      else yield* Console.log(page.next === null ? "No runs" : "No runs among those looked at so far")
      if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("List runs, newest first.", [
    "runlease runs list --status pending --status running --agent reviewer",
    "runlease runs list --where metadata.customer.plan=gold --where error.code=TIMEOUT",
    "runlease runs list --label customer=42 --label tier=gold",
    "runlease runs list --status failed --since 2h",
  ]),
)

const get = Command.make("get", { ...common, runId }, (options) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const run = yield* runs.get(options.runId)
    const input = yield* inputOf(run.runId)
    const now = yield* DateTime.now
    yield* options.json
      ? Output.json({ ...RunLines.toJson(run), ...(input === undefined ? {} : { input }) })
      : Console.log(RunLines.toText(run, now, input))
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Show one run: its payload and its result, its holder and for how long, and its questions while it waits.",
  ),
)

const cancel = Command.make("cancel", { ...common, runId }, (options) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const { cancelled, run } = yield* runs.cancel(options.runId)
    yield* options.json
      ? Output.json({ cancelled, ...RunLines.toJson(run) })
      : Console.log(cancelled ? `Cancelled ${run.runId}` : `${run.runId} had ended: ${run.status}`)
    if (!cancelled) yield* new QuietExit({ exitCode: ExitCode.error })
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Cancel a run, also while a worker works on it. Exits with 1 when it had ended already and nothing changed.",
  ),
)

const fork = Command.make(
  "fork",
  {
    ...common,
    runId,
    after: Flag.whole("after", { minimum: 1, maximum: Number.MAX_SAFE_INTEGER }).pipe(
      Options.withDescription("The event id up to which the new run has what was recorded"),
    ),
    ...ForkEdits.flags,
    id: newRunId,
  },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const edits = yield* ForkEdits.editsOf(options)
      const { run } = yield* runs.fork(options.runId, {
        after: Run.EventId.make(options.after),
        publicId: Option.getOrUndefined(options.id),
        edits,
      })
      yield* options.json ? Output.json(RunLines.toJson(run)) : Console.log(run.runId)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Submit a run again that continues from an event of this one: what was recorded by then, and what is edited here, is not done again. Prints the id of the new run.",
    [
      "runlease runs fork RUN --after 12",
      `runlease runs fork RUN --after 12 --set 'step search=["a"]' --set 'tool call_3={"ok": true}'`,
      "runlease runs fork RUN --after 1 --message Shorter --agent writer --worker-version 2",
    ],
  ),
)

const filter = {
  type: Options.text("type").pipe(
    Options.withDescription("Only events of this type; may be repeated"),
    Options.repeated,
  ),
  name: Options.text("name").pipe(
    Options.withDescription("Only events of this name, such as runlease.step"),
    Options.optional,
  ),
}

const events = Command.make("events", { ...common, runId, ...filter }, (options) =>
  Effect.gen(function* () {
    const wanted = { types: options.type, name: Option.getOrUndefined(options.name) }
    const log = yield* RunLog.RunLog
    const paint = yield* Output.paint
    yield* Stream.paginateChunkEffect(Run.EventId.make(0), (after) =>
      Effect.map(log.read({ runId: options.runId, after, limit: 1000, ...wanted }), (entries) => [
        Chunk.unsafeFromArray(entries),
        Option.fromNullable(entries.at(-1)?.eventId),
      ]),
    ).pipe(
      Stream.runForEach((entry) =>
        options.json
          ? Output.json({ event_id: entry.eventId, event: entry.event })
          : Console.log(`${paint("dim", String(entry.eventId).padStart(6))}  ${JSON.stringify(entry.event)}`),
      ),
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Print a run's log as it is now.", [
    "runlease runs events RUN --type CUSTOM --name runlease.attempt",
  ]),
)

const prune = Command.make(
  "prune",
  {
    ...common,
    olderThan: Flag.duration("older-than", { minimum: "0 seconds", maximum: "36500 days" }).pipe(
      Options.withDescription("How long ago a run must have finished, such as 30d"),
    ),
  },
  (options) =>
    Effect.gen(function* () {
      const client = yield* ApiClient.make(options.connection)
      const path = { project_reference: options.connection.project }
      const payload = { older_than_seconds: Duration.toSeconds(options.olderThan), limit: 1000 }
      let total = 0
      let reported = 0
      let more = true
      while (more) {
        const step = yield* client.runs.prune({ path, payload })
        total += step.pruned
        more = step.more
        if (more && total >= reported + 1000) {
          reported = total
          yield* Console.error(`${total} deleted so far`)
        }
      }
      yield* options.json
        ? Output.json({ pruned: total })
        : Console.log(total === 1 ? "Deleted 1 run" : `Deleted ${total} runs`)
    }).pipe(ApiClient.provideHttpClient(options.connection)),
).pipe(
  Describe.command(
    "Delete runs that finished long ago, with their logs, and conversations left without runs. Needs an admin key.",
    ["runlease runs prune --older-than 30d"],
  ),
)

export const command = Command.make("runs").pipe(
  Describe.command("Look at runs, cancel and label them, answer what they wait for, delete old ones."),
  Command.withSubcommands([
    list,
    get,
    ExplainCommand.command,
    treeCommand,
    usageCommand,
    events,
    cancel,
    retryCommand,
    fork,
    labelCommand,
    BulkCommand.command,
    BulkCommand.move,
    ResumeCommand.command,
    CallbackCommand.command,
    prune,
  ]),
)
