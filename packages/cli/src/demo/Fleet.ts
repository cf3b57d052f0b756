/**
 * The processes of the demonstration: this same program, started as a server and as workers.
 */
import { Command } from "@effect/platform"
import type { CommandExecutor, Error as PlatformError } from "@effect/platform"
import { Data, Deferred, Effect, Option, Redacted, Ref, Schema, type Scope, Stream } from "effect"

/** A process of the demonstration did not come up. */
export class FleetError extends Data.TaggedError("FleetError")<{ readonly message: string }> {}

/** The JSON lines that a process writes, and the process. */
interface Spawned {
  readonly process: CommandExecutor.Process
  readonly lines: Stream.Stream<unknown, PlatformError.PlatformError>
}

const parse = Schema.decodeOption(Schema.parseJson())

/** Starts this program anew with other arguments; it ends with the Scope. */
const spawn = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
): Effect.Effect<Spawned, PlatformError.PlatformError, CommandExecutor.CommandExecutor | Scope.Scope> =>
  Effect.map(
    Command.start(
      Command.make(process.execPath, ...process.execArgv, process.argv[1]!, ...args).pipe(
        Command.env(env),
        Command.stderr("inherit"),
      ),
    ),
    (process) => ({
      process,
      lines: process.stdout.pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.filterMap((line) => parse(line)),
      ),
    }),
  )

const ServerReady = Schema.Struct({ url: Schema.String })

/** A control plane on a SQLite file and a free loopback port. */
export const startServer = Effect.fn("Fleet.startServer")(function* (options: {
  readonly database: string
  readonly apiKey: Redacted.Redacted
}) {
  const { lines } = yield* spawn(
    ["serve", "--json", "--host", "127.0.0.1", "--port", "0", "--database", `sqlite:${options.database}`],
    { RUNLEASE_API_KEY: Redacted.value(options.apiKey) },
  )
  const ready = yield* lines.pipe(
    Stream.filterMap(Schema.decodeUnknownOption(ServerReady)),
    Stream.runHead,
    Effect.timeoutFail({
      duration: "30 seconds",
      onTimeout: () => new FleetError({ message: "The server did not come up within 30 seconds" }),
    }),
  )
  return yield* Option.match(ready, {
    onNone: () => Effect.fail(new FleetError({ message: "The server ended before it was ready" })),
    onSome: ({ url }) => Effect.succeed(url),
  })
})

/** A worker's line, as far as it matters here. */
const WorkerLine = Schema.Struct({
  event: Schema.String,
  run_id: Schema.optional(Schema.String),
  worker_id: Schema.optional(Schema.String),
})

/** A worker process. */
export interface WorkerProcess {
  readonly name: string
  readonly workerId: string
  readonly pid: number
  /** The runs that it said it has claimed and not yet said it is done with. */
  readonly inFlight: Effect.Effect<ReadonlySet<string>>
  /** Ends it with SIGKILL: no drain, no goodbye. */
  readonly kill: Effect.Effect<void>
}

/** A worker process that works with a program. */
export const startWorker = Effect.fn("Fleet.startWorker")(function* (options: {
  readonly name: string
  readonly url: string
  readonly apiKey: Redacted.Redacted
  readonly args: ReadonlyArray<string>
}) {
  const { lines, process: child } = yield* spawn(
    ["worker", "--json", "--url", options.url, "--name", options.name, ...options.args],
    { RUNLEASE_API_KEY: Redacted.value(options.apiKey) },
  )
  const registered = yield* Deferred.make<string>()
  const inFlight = yield* Ref.make<ReadonlySet<string>>(new Set())
  yield* lines.pipe(
    Stream.filterMap(Schema.decodeUnknownOption(WorkerLine)),
    Stream.runForEach(({ event, run_id, worker_id }) => {
      if (event === "registered" && worker_id !== undefined) return Deferred.succeed(registered, worker_id)
      if (run_id === undefined) return Effect.void
      return Ref.update(inFlight, (held) => {
        const next = new Set(held)
        if (event === "claimed") next.add(run_id)
        else next.delete(run_id)
        return next
      })
    }),
    // Its stdout breaks off when it is killed.
    Effect.ignore,
    Effect.forkScoped,
  )
  const workerId = yield* Deferred.await(registered).pipe(
    Effect.timeoutFail({
      duration: "30 seconds",
      onTimeout: () =>
        new FleetError({ message: `Worker ${options.name} did not register within 30 seconds` }),
    }),
  )
  const worker: WorkerProcess = {
    name: options.name,
    workerId,
    pid: child.pid,
    inFlight: Ref.get(inFlight),
    kill: Effect.ignore(child.kill("SIGKILL")),
  }
  return worker
})
