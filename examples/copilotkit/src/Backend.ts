import { Command } from "@effect/platform"
import { Deferred, Effect, Ref, Schema, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import type * as RunleaseRunner from "./RunleaseRunner.js"

const require = createRequire(import.meta.url)
const loader = pathToFileURL(require.resolve("tsx")).href
const runlease = require.resolve("@runlease/cli/bin")
const agent = fileURLToPath(new URL("agent.ts", import.meta.url))

/** A line of `--json`: where the server is, or what the worker did. */
const Line = Schema.parseJson(
  Schema.Struct({ url: Schema.optional(Schema.String), event: Schema.optional(Schema.String) }),
)

/** `runlease` with these arguments; it ends with the Scope. `line` is the first one that is awaited. */
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

/** What a page needs of the other side. */
export interface Backend extends RunleaseRunner.Options {
  /** As when its machine loses power: nothing is handed back. */
  readonly killWorker: Effect.Effect<void>
}

/** `runlease serve` on a free port, and one `runlease worker`, after whose end another one starts. */
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
    // A short lease: what a killed worker held is taken over after 5 seconds.
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
  // One that has ended already cannot be killed.
  return { url, apiKey, killWorker: Effect.ignore(killWorker) } satisfies Backend
})
