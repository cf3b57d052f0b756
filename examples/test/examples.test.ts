import { Command, FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { programs } from "../../packages/cli/checkout/bundle.mjs"

const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href
const root = fileURLToPath(new URL("..", import.meta.url))

/** Replaces the values that differ from one start of an example to the next. */
const normalized = (output: string): ReadonlyArray<string> =>
  output
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>")
    .replaceAll(/ did \d+/g, " did some")
    .replaceAll(/^\[[\d:.]+\] INFO \(#\d+\)/gm, "[time] INFO")
    .split("\n")
    .map((line) => line.trimEnd())
    // The log of a worker has no fixed order with what the program prints.
    .filter((line) => line !== "" && !line.startsWith("[time] INFO: Run "))

const outputOf = (readme: string): string => /```text\n(.*?)```/s.exec(readme)?.[1] ?? ""

/** The examples that print their own output; the others run as tests. */
const examples = [
  "six-lines",
  "layers",
  "http-app",
  "other-language",
  "chat",
  "approval",
  "purchase",
  "nightly-report",
  "remote-agent",
  "coding-agent",
  "fleet",
  "checkpoint",
  "research-team",
  "workflow",
  "steering",
  "background-work",
]

/** The examples with agents of other frameworks, which are a workspace of their own. */
const frameworks = ["openai-agents", "tool-loop-agent", "langgraph", "mastra"].map(
  (name) => `frameworks/${name}`,
)

/** Bundles the programs of an example, which start in a quarter of the CPU time that their sources take. */
const bundled = Effect.fnUntraced(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const sources = ["main.ts", "worker.ts"]
    .map((file) => new URL(`../${name}/src/${file}`, import.meta.url))
    .filter((file) => existsSync(file))
  yield* Effect.promise(() => programs(sources, folder))
  return path.join(folder, "main.mjs")
})

const isInstalled = existsSync(`${root}frameworks/node_modules`)
if (!isInstalled) {
  console.log("The examples of other frameworks are skipped: `npx pnpm@10 frameworks` installs them.")
}

describe("every example prints what its README shows", () => {
  for (const name of [...examples, ...frameworks]) {
    it.scoped.skipIf(frameworks.includes(name) && !isInstalled)(name, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const folder = path.join(root, name)
        // Started in a temporary folder, since an example may write a file.
        const cwd = yield* fs.makeTempDirectoryScoped()
        const program = frameworks.includes(name)
          ? ["--import", loader, path.join(folder, "src/main.ts")]
          : [yield* bundled(name)]
        const child = yield* Command.start(
          Command.make(process.execPath, ...program).pipe(
            Command.workingDirectory(cwd),
            Command.stderr("inherit"),
          ),
        )
        const output = yield* Stream.mkString(Stream.decodeText(child.stdout))
        expect(normalized(output)).toEqual(
          normalized(outputOf(yield* fs.readFileString(path.join(folder, "README.md")))),
        )
        expect(yield* child.exitCode).toBe(0)
      }).pipe(Effect.provide(NodeContext.layer)),
    )
  }
})
