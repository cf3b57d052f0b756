import { Command } from "@effect/platform"
import { Deferred, Effect, Ref, Schema, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"

const require = createRequire(import.meta.url)
const loader = pathToFileURL(require.resolve("tsx")).href
const runlease = require.resolve("@runlease/cli/bin")
const agent = fileURLToPath(new URL("agent.ts", import.meta.url))

/** A line of `--json`: the URL of the server, or an event of the worker. */
const Line = Schema.parseJson(
  Schema.Struct({ url: Schema.optional(Schema.String), event: Schema.optional(Schema.String) }),
)

/** Starts `runlease` with these arguments; it ends with the Scope. `line` waits for a line of its output. */
const start = Effect.fnUntraced(function* (
  args: readonly [string, ...ReadonlyArray<string>],
  env: Record<string, string>,
  isAwaited: (line: typeof Line.Type) => boolean,
) {
  const child = yield* Command.make(process.execPath, "--import", loader, runlease, ...args, "--json").pipe(
    Command.env(env),
    Command.stderr("inherit"),
    Command.start,
  )
  const awaited = yield* Deferred.make<typeof Line.Type>()
  yield* child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapEffect(Schema.decode(Line)),
    Stream.runForEach((line) => (isAwaited(line) ? Deferred.succeed(awaited, line) : Effect.void)),
    Effect.forkScoped,
  )
  const line = yield* Effect.raceFirst(
    Deferred.await(awaited),
    Effect.flatMap(child.exitCode, (code) =>
      Effect.dieMessage(`runlease ${args[0]} ended with code ${code}`),
    ),
  )
  return { child, line }
})

/** The running backend of a page. */
export interface Backend {
  readonly url: string
  /** May do everything in its project, so no page has it. */
  readonly apiKey: string
  /** Kills the worker as a loss of power would: it hands nothing back. */
  readonly killWorker: Effect.Effect<void>
}

/** Starts `runlease serve` on a free port, and one `runlease worker`, which restarts when it ends. */
export const make = Effect.fnUntraced(function* (options: {
  readonly folder: string
  readonly model: { readonly name: string; readonly baseUrl?: string }
}) {
  const apiKey = randomUUID()
  const server = yield* start(
    ["serve", "--port", "0", "--database", `sqlite:${options.folder}/runs.sqlite`],
    { RUNLEASE_API_KEY: apiKey },
    ({ url }) => url !== undefined,
  )
  const url = server.line.url!

  const startWorker = start(
    // A short lease: the runs of a killed worker are taken over after 5 seconds.
    ["worker", "--module", agent, "--agent", "assistant", "--lease", "5s"],
    {
      RUNLEASE_URL: url,
      RUNLEASE_API_KEY: apiKey,
      MODEL: options.model.name,
      ...(options.model.baseUrl === undefined ? {} : { MODEL_BASE_URL: options.model.baseUrl }),
    },
    ({ event }) => event === "registered",
  )
  const worker = yield* Effect.flatMap(startWorker, ({ child }) => Ref.make(child))
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        yield* Effect.exit((yield* Ref.get(worker)).exitCode)
        const { child } = yield* startWorker
        yield* Ref.set(worker, child)
      }),
    ),
  )
  const killWorker = Effect.flatMap(Ref.get(worker), (child) => child.kill("SIGKILL"))
  // The process may have ended already.
  return { url, apiKey, killWorker: Effect.ignore(killWorker) } satisfies Backend
})
