/**
 * `runlease runs bulk`: one action on many runs.
 */
import { Command, Options } from "@effect/cli"
import { BulkOperation, BulkOperations, ControlPlaneUnavailable, Ids, Labels } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Console, DateTime, Effect, Option, Schedule, Schema } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as MovePlan from "../input/MovePlan.js"
import { positional } from "../input/PositionalText.js"
import * as RunFilterFlags from "../input/RunFilterFlags.js"
import * as Settings from "../input/Settings.js"
import * as BulkLines from "../output/BulkLines.js"
import { CommandFailure, ExitCode, QuietExit, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as FromStart from "./FromStart.js"

export const common = { connection: Settings.connection, json: Settings.json }

/** The argument that names an operation. */
const bulkId = positional("operation", BulkOperation.BulkId, "The operation's id, as runs bulk list shows it")

export const wait = Options.boolean("wait").pipe(
  Options.withDescription(
    "Wait for its end, with its progress on stderr; exits with 1 where a run refused it",
  ),
)

/** A server that restarts gets a minute to come back. */
const reconnect = Schedule.spaced("1 second").pipe(Schedule.intersect(Schedule.recurs(60)))

const again = (id: BulkOperation.BulkId) =>
  Effect.flatMap(BulkOperations.BulkOperations, ({ get }) => get(id)).pipe(
    Effect.retry({
      schedule: reconnect,
      while: (error) => error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable,
    }),
  )

/** The operation at its end. Its progress goes to stderr, a line where it has changed. */
export const ended = (bulk: BulkOperation.BulkOperation, shown: string = ""): ReturnType<typeof again> =>
  Effect.gen(function* () {
    if (bulk.status !== "running") return bulk
    const counts = BulkLines.countsOf(bulk)
    if (counts !== shown) yield* Console.error(`${counts} so far`)
    yield* Effect.sleep("500 millis")
    return yield* ended(yield* again(bulk.id), counts)
  })

const sentenceOf = (bulk: BulkOperation.BulkOperation): string => {
  const counts = BulkLines.countsOf(bulk)
  switch (bulk.status) {
    case "running":
      return `${counts} so far; operation ${bulk.id} continues. Its end: runlease runs bulk get ${bulk.id} --wait`
    case "aborted":
      return `Operation ${bulk.id} was aborted: ${counts}`
    case "completed":
      return counts
  }
}

/** Prints what has become of an operation, at its end where `waits` says so. */
const report = (
  begun: BulkOperation.BulkOperation,
  options: { readonly json: boolean; readonly waits: boolean },
  toText: (bulk: BulkOperation.BulkOperation) => string = (bulk) =>
    [sentenceOf(bulk), ...BulkLines.failuresOf(bulk)].join("\n"),
) =>
  Effect.gen(function* () {
    const bulk = options.waits ? yield* ended(begun) : begun
    yield* options.json ? Output.json(BulkLines.toJson(bulk)) : Console.log(toText(bulk))
    if (options.waits && (bulk.failed > 0 || bulk.status === "aborted")) {
      yield* new QuietExit({ exitCode: ExitCode.error })
    }
  })

const explain = (error: unknown): unknown => {
  if (error instanceof BulkOperations.InvalidBulk) {
    const { field, message } = error
    if (field === "filter") {
      return usage(
        "No runs were named",
        "Say which, as --status pending or --agent reviewer or --label customer=42; or give --all for every run of the project.",
      )
    }
    return field === "runIds" || field === "all"
      ? usage("--run names 1 to 1,000 runs, without --all and without the flags of a filter")
      : usage(`${SnakeCase.snakeCase(field)}: ${message}`)
  }
  if (error instanceof BulkOperations.BulkNotFound) {
    return new CommandFailure({
      message: error.message,
      hint: "List the operations of the project with: runlease runs bulk list",
      exitCode: ExitCode.error,
    })
  }
  return error
}

/** Provides the ports over the connection. A refusal says what to do next. */
const withBulk =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.mapError(Settings.withClient(connection)(effect), explain)

const bulkFlags = {
  ...common,
  ...RunFilterFlags.flags,
  reason: Flag.text("reason", Ids.visibleText(500)).pipe(
    Options.withDescription("Why, as runs bulk get shows it"),
    Options.optional,
  ),
  dryRun: Options.boolean("dry-run").pipe(
    Options.withDescription("Change no run, and count what would be done"),
  ),
  key: Flag.text("idempotency-key", Ids.visibleText(128)).pipe(
    Options.withDescription("A repeat with the same key shows the first operation, and begins none"),
    Options.optional,
  ),
  wait,
}

type BulkOptions = Parameters<typeof RunFilterFlags.toRuns>[0] & {
  readonly json: boolean
  readonly reason: Option.Option<string>
  readonly dryRun: boolean
  readonly key: Option.Option<string>
  readonly wait: boolean
}

type Action = Pick<BulkOperations.NewBulk, "action" | "fromStart" | "labels" | "move">

/** The operation, before anything says how it is made. */
const operationOf = (options: BulkOptions, action: Action) =>
  Effect.map(DateTime.now, (now) => ({ ...action, ...RunFilterFlags.toRuns(options, now) }))

const begin = (options: BulkOptions, action: Action) =>
  Effect.gen(function* () {
    const bulks = yield* BulkOperations.BulkOperations
    const begun = yield* bulks.create({
      ...(yield* operationOf(options, action)),
      ...(Option.isSome(options.reason) ? { reason: options.reason.value } : {}),
      ...(options.dryRun ? { dryRun: true } : {}),
      ...(Option.isSome(options.key) ? { idempotencyKey: options.key.value } : {}),
    })
    yield* report(begun, { json: options.json, waits: options.wait || options.dryRun })
  })

/** A person confirms that the recorded steps of many runs are done again. */
const confirmAgain = (options: BulkOptions, action: Action) =>
  Effect.gen(function* () {
    const bulks = yield* BulkOperations.BulkOperations
    const counted = yield* bulks.create({ ...(yield* operationOf(options, action)), dryRun: true })
    const { done } = yield* ended(counted)
    yield* FromStart.confirm(
      `${Phrases.count(done, "run")} will be submitted again from the start, and will do recorded steps again`,
      { hint: "Add --yes to do that, or leave out --from-start so that each run begins with what failed." },
    )
  })

const cancel = Command.make("cancel", bulkFlags, (options) =>
  begin(options, { action: "cancel" }).pipe(withBulk(options.connection)),
).pipe(
  Describe.command(
    "Cancel many runs, also those that workers work on. The server continues without the command, 256 runs in one commit; runs that are submitted later stay.",
    [
      "runlease runs bulk cancel --status pending --agent reviewer --dry-run",
      'runlease runs bulk cancel --label customer=42 --reason "wrong release" --wait',
    ],
  ),
)

const retry = Command.make("retry", { ...bulkFlags, ...FromStart.flags }, ({ fromStart, yes, ...options }) =>
  Effect.gen(function* () {
    const action = { action: "retry", ...(fromStart ? { fromStart } : {}) } as const
    if (fromStart && !yes && !options.dryRun) yield* confirmAgain(options, action)
    yield* begin(options, action)
  }).pipe(withBulk(options.connection)),
).pipe(
  Describe.command(
    "Submit many runs again that have ended, oldest first, as new runs. Each has what its run had recorded, and begins with what failed. With --from-start each does all of it again. Runs that have not ended are skipped.",
    [
      "runlease runs bulk retry --status failed --since 2h --wait",
      "runlease runs bulk retry --run RUN --run RUN --from-start",
    ],
  ),
)

const label = Command.make(
  "label",
  {
    ...bulkFlags,
    set: Flag.labels("set").pipe(
      Options.withDescription("A label that the runs get, as name=value; may be repeated"),
    ),
    remove: Flag.texts("remove", Labels.Name).pipe(
      Options.withDescription("The name of a label that the runs lose; may be repeated"),
    ),
  },
  ({ remove, set = Labels.none, ...options }) =>
    Effect.gen(function* () {
      const labels = { ...Object.fromEntries(remove.map((name) => [name, null])), ...set }
      if (Object.keys(labels).length < remove.length + Object.keys(set).length) {
        return yield* usage("A label is both set and removed", "Name each label once.")
      }
      if (Object.keys(labels).length === 0) {
        return yield* usage("There is nothing to change", "Give --set NAME=VALUE or --remove NAME.")
      }
      yield* begin(options, { action: "label", labels })
    }).pipe(withBulk(options.connection)),
).pipe(
  Describe.command("Change labels of many runs, also of those that have ended.", [
    "runlease runs bulk label --agent reviewer --set team=a --remove trial",
  ]),
)

const version = (name: "from" | "to", what: string) =>
  Options.text(name).pipe(
    Options.withDescription(
      `The version that runs ${what}, as workers list shows it; empty for workers without one`,
    ),
  )

/** All runs that have not ended, where no flag says which. */
const open = ["pending", "running", "waiting"] as const

/** The runs that are named one by one, in a plan or by flags. */
const namedRuns = (plan: Option.Option<string>, run: ReadonlyArray<Ids.RunId>) => {
  if (Option.isNone(plan)) return Effect.succeed(run)
  return run.length > 0
    ? usage("Both --plan and --run say which runs", "Name them one way.")
    : MovePlan.read(plan.value)
}

/** Also below `runlease runs`. */
export const move = Command.make(
  "move",
  {
    ...bulkFlags,
    from: version("from", "are pinned to"),
    to: version("to", "go to"),
    plan: Flag.text("plan", Schema.NonEmptyString).pipe(
      Options.withDescription("The runs that go on by this file of rehearse --write, instead of others"),
      Options.optional,
    ),
  },
  ({ from, plan, to, ...options }) =>
    Effect.gen(function* () {
      const run = yield* namedRuns(plan, options.run)
      if (Option.isSome(plan) && run.length === 0) {
        return yield* Console.log("The plan has no run that may move")
      }
      const status = options.status.length === 0 && run.length === 0 ? open : options.status
      yield* begin({ ...options, run, status }, { action: "move", move: { from, to } })
    }).pipe(withBulk(options.connection)),
).pipe(
  Describe.command(
    "Move pinned runs from one version of workers to another: all that have not ended, or those that the flags select. A run that a worker holds refuses it, so drain the workers of the version first.",
    [
      "runlease runs move --from 1.4.0 --to 1.5.0 --wait",
      "runlease runs move --from 1.4.0 --to 1.5.0 --agent refund --dry-run",
      "runlease runs move --from 1.4.0 --to 1.5.0 --plan plan.json",
    ],
  ),
)

const list = Command.make(
  "list",
  {
    ...common,
    status: Options.choice("status", BulkOperation.BulkStatus.literals).pipe(
      Options.withDescription("Only operations of this status"),
      Options.optional,
    ),
    ...Flag.flags,
  },
  (options) =>
    Effect.gen(function* () {
      const bulks = yield* BulkOperations.BulkOperations
      const page = yield* bulks.list({
        status: Option.getOrUndefined(options.status),
        cursor: Option.getOrUndefined(options.cursor),
        limit: options.limit,
      })
      const paint = yield* Output.paint
      if (options.json) {
        yield* Effect.forEach(page.items, (bulk) => Output.json(BulkLines.toJson(bulk)), { discard: true })
      } else if (page.items.length === 0) {
        yield* Console.log("No bulk operations. To begin one: runlease help runs bulk cancel")
      } else {
        const rows = page.items.map((bulk) => BulkLines.toRow(bulk, paint))
        yield* Console.log(Output.table(BulkLines.headings, rows, paint))
      }
      if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
    }).pipe(withBulk(options.connection)),
).pipe(Describe.command("List bulk operations, newest first.", ["runlease runs bulk list --status running"]))

const get = Command.make("get", { ...common, wait, bulkId }, (options) =>
  Effect.gen(function* () {
    const bulks = yield* BulkOperations.BulkOperations
    const bulk = yield* bulks.get(options.bulkId)
    yield* report(bulk, { json: options.json, waits: options.wait }, BulkLines.toText)
  }).pipe(withBulk(options.connection)),
).pipe(
  Describe.command(
    "Show one bulk operation: which runs it is for, what it has done, and which runs refused it.",
  ),
)

const abort = Command.make("abort", { ...common, bulkId }, (options) =>
  Effect.gen(function* () {
    const bulks = yield* BulkOperations.BulkOperations
    yield* report(yield* bulks.abort(options.bulkId), { json: options.json, waits: false })
  }).pipe(withBulk(options.connection)),
).pipe(Describe.command("Stop a bulk operation. What it has done stays."))

export const command = Command.make("bulk").pipe(
  Describe.command(
    "Cancel, retry, label or move many runs at once: those of a filter, or those that are named.",
  ),
  Command.withSubcommands([cancel, retry, label, move, list, get, abort]),
)
