/**
 * `runlease runs`: lists, shows, cancels, resumes and prunes runs.
 */
import { Command, Options } from "@effect/cli"
import { Run, RunLog, Runs } from "@runlease/core"
import { Chunk, Console, DateTime, Duration, Effect, Option, Stream } from "effect"
import * as ApiClient from "../input/ApiClient.js"
import { ExitCode, QuietExit } from "../output/ExitCode.js"
import * as Flag from "../input/Flag.js"
import * as PageFlags from "../input/PageFlags.js"
import * as RunFilterFlags from "../input/RunFilterFlags.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as BulkCommand from "./BulkCommand.js"
import * as ExplainCommand from "./ExplainCommand.js"
import * as TreeCommand from "./TreeCommand.js"
import * as UsageCommand from "./UsageCommand.js"
import * as LabelCommand from "./LabelCommand.js"
import * as ResumeCommand from "./ResumeCommand.js"
import * as RetryCommand from "./RetryCommand.js"
import { inputOf } from "./RunInput.js"
import { runId } from "../input/PositionalText.js"
import * as RunLines from "../output/RunLines.js"
import * as Settings from "../input/Settings.js"

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
    ...PageFlags.flags,
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
    id: RetryCommand.newRunId,
  },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { run } = yield* runs.fork(options.runId, {
        after: Run.EventId.make(options.after),
        publicId: Option.getOrUndefined(options.id),
      })
      yield* options.json ? Output.json(RunLines.toJson(run)) : Console.log(run.runId)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Submit a run again that continues from an event of this one: what was recorded by then is not done again. Prints the id of the new run.",
    ["runlease runs fork RUN --after 12"],
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
    TreeCommand.command,
    UsageCommand.command,
    events,
    cancel,
    RetryCommand.command,
    fork,
    LabelCommand.command,
    BulkCommand.command,
    ResumeCommand.command,
    prune,
  ]),
)
