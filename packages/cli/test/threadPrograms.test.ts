/** The programs of threads start from their text, in the bundle of any compiler. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "esbuild"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { folder } from "./Processes.js"
import { NodeContext } from "@effect/platform-node"

const packages = fileURLToPath(new URL("../..", import.meta.url))

/** The text of a program in a bundle that keeps the names of functions, where the name of the helper for it is in use. */
const bundledText = async (source: string): Promise<string> => {
  const { outputFiles } = await build({
    stdin: {
      contents: `globalThis.taken = typeof __name; export { text } from "./${source}"`,
      resolveDir: packages,
    },
    bundle: true,
    keepNames: true,
    write: false,
    format: "esm",
    platform: "node",
    logLevel: "error",
  })
  const bundle = outputFiles[0]!.text
  expect(bundle).toContain("__name2(")
  const { text } = await import(`data:text/javascript,${encodeURIComponent(bundle)}`)
  return text
}

/** The first answer of the thread of a program. Fails with the error that ends it. */
const answerOf = (source: string, workerData: object, request?: string) =>
  Effect.acquireUseRelease(
    Effect.promise(async () => new Worker(await bundledText(source), { eval: true, workerData })),
    (thread) =>
      Effect.promise(async () => {
        if (request !== undefined) thread.postMessage(request, [])
        const [answer] = await once(thread, "message")
        return answer as unknown
      }),
    (thread) => Effect.promise(() => thread.terminate()),
  )

const driverOf = (name: string, of: string) => createRequire(join(packages, of, "package.json")).resolve(name)

it.scopedLive("the program that checks values", () =>
  Effect.gen(function* () {
    const validator = driverOf("@cfworker/json-schema", "http")
    const settings = { validator, maxErrors: 1, maxCharacters: 1 }
    expect(yield* answerOf("http/src/server/CheckProgram.ts", settings)).toBe("ready")
  }),
)

it.scopedLive("the program that makes checkpoints", () =>
  Effect.gen(function* () {
    const filename = join(yield* folder, "file.sqlite")
    writeFileSync(filename, "")
    const settings = {
      driver: driverOf("better-sqlite3", "sql"),
      filename,
      synchronous: "normal",
      timeoutMillis: 10,
    }
    const answer = yield* answerOf("sql/src/sqlite/CheckpointProgram.ts", settings, "PASSIVE")
    expect(answer).toMatchObject({ pages: expect.any(Number) })
  }).pipe(Effect.provide(NodeContext.layer)),
)
