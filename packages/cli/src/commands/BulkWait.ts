/**
 * What the commands of bulk operations share: how an operation is awaited and printed, and what to do about a refusal.
 */
import { Options } from "@effect/cli"
import { BulkOperation, BulkOperations, ControlPlaneUnavailable } from "@runlease/core"
import { SnakeCase } from "@runlease/core/internal"
import { Console, Effect, Schedule } from "effect"
import { positional } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as BulkLines from "../output/BulkLines.js"
import { CommandFailure, ExitCode, QuietExit, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"

export const common = { connection: Settings.connection, json: Settings.json }

/** The argument that names an operation. */
export const bulkId = positional(
  "operation",
  BulkOperation.BulkId,
  "The operation's id, as runs bulk list shows it",
)

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
export const report = (
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
export const withBulk =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.mapError(Settings.withClient(connection)(effect), explain)
