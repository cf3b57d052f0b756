/**
 * The processes of the demonstration: this same program, started as a server and as workers. The folder of the database is
 * removed after the server ended.
 */
import { Data, Deferred, Duration, Effect, Option, type Redacted, Schema, Stream } from "effect"
import * as Self from "../self/Self.js"

/** A process of the demonstration did not come up. */
export class FleetError extends Data.TaggedError("FleetError")<{ readonly message: string }> {}

const parse = Schema.decodeOption(Schema.parseJson())

/** How long a process of the demonstration has to end. */
const killAfter = Duration.seconds(2)

/** Starts this program. Returns the process and the JSON lines that it writes. */
const spawn = (options: Omit<Self.Start, "killAfter">) =>
  Effect.map(Self.start({ ...options, killAfter }), ({ group, lines }) => ({
    group,
    lines: Stream.filterMap(lines, (line) => parse(line)),
  }))

/** The first line that `line` decodes. The others are read and dropped, so that the pipe never fills. */
const first = <A, I>(name: string, lines: Stream.Stream<unknown>, line: Schema.Schema<A, I>) =>
  Effect.gen(function* () {
    const found = yield* Deferred.make<A, FleetError>()
    yield* lines.pipe(
      Stream.filterMap(Schema.decodeUnknownOption(line)),
      Stream.runForEach((value) => Deferred.succeed(found, value)),
      Effect.zipRight(Deferred.fail(found, new FleetError({ message: `${name} ended before it was ready` }))),
      Effect.forkScoped,
    )
    return yield* Deferred.await(found).pipe(
      Effect.timeoutFail({
        duration: "60 seconds",
        onTimeout: () => new FleetError({ message: `${name} did not come up within 60 seconds` }),
      }),
    )
  })

/** Starts a control plane on a SQLite file and a free loopback port. Returns its URL. */
export const startServer = Effect.fn("Fleet.startServer")(function* (options: {
  readonly database: string
  readonly apiKey: Redacted.Redacted
  /** A folder to remove after the server. */
  readonly workDir: Option.Option<string>
}) {
  const { lines } = yield* spawn({
    args: [
      "serve",
      "--json",
      "--host",
      "127.0.0.1",
      "--port",
      "0",
      "--database",
      `sqlite:${options.database}`,
    ],
    apiKey: options.apiKey,
    workDir: Option.getOrUndefined(options.workDir),
  })
  const { url } = yield* first("The server", lines, Schema.Struct({ url: Schema.String }))
  return url
})

export interface WorkerProcess {
  readonly name: string
  readonly workerId: string
  readonly pid: number
  /** Sends SIGKILL, so that there is no drain, and waits until the process has ended. */
  readonly kill: Effect.Effect<void>
}

/** Starts a worker process, and waits until it is registered. */
export const startWorker = Effect.fn("Fleet.startWorker")(function* (options: {
  readonly name: string
  readonly url: string
  readonly apiKey: Redacted.Redacted
  readonly args: ReadonlyArray<string>
}) {
  const { group, lines } = yield* spawn({
    args: ["worker", "--json", "--url", options.url, "--name", options.name, ...options.args],
    apiKey: options.apiKey,
  })
  const { worker_id } = yield* first(
    `Worker ${options.name}`,
    lines,
    Schema.Struct({ event: Schema.Literal("registered"), worker_id: Schema.String }),
  )
  const worker: WorkerProcess = {
    name: options.name,
    workerId: worker_id,
    pid: group.pid,
    kill: Effect.zipRight(
      Effect.sync(() => process.kill(group.pid, "SIGKILL")),
      group.ending,
    ),
  }
  return worker
})
