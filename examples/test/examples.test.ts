import { Command, FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { existsSync } from "node:fs"
import path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { programs } from "../../packages/cli/checkout/bundle.mjs"
import * as Searches from "../../packages/testkit/test/Searches.js"

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
  "github-issue-agent",
]

/** The examples with agents of other frameworks, which are a workspace of their own. Each is dear, so a commit starts one of them. */
const frameworks = Searches.oneOf(["openai-agents", "tool-loop-agent", "langgraph", "mastra"]).map(
  (name) => `frameworks/${name}`,
)

const isInstalled = existsSync(`${root}frameworks/node_modules`)
if (!isInstalled) {
  console.log("The examples of other frameworks are skipped: `npx pnpm@10 frameworks` installs them.")
}

/** The sources of the programs of an example: what a user starts, and what that starts. */
const sourcesOf = (name: string): ReadonlyArray<string> => [`${name}/src/main.ts`, `${name}/src/worker.ts`]

/** Gives the bundled program of an example. All are one bundle: each starts in a fifth of the CPU time that its sources take. */
const bundled = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const names = isInstalled ? [...examples, ...frameworks] : examples
  const sources = [...names.flatMap(sourcesOf), ...(isInstalled ? ["frameworks/src/process.ts"] : [])].filter(
    (source) => existsSync(root + source),
  )
  const paths = yield* Effect.promise(() =>
    programs(
      sources.map((source) => pathToFileURL(root + source)),
      folder,
    ),
  )
  return (name: string) => paths[sources.indexOf(`${name}/src/main.ts`)]!
})

class Programs extends Context.Tag("@runlease/examples/test/Programs")<
  Programs,
  Effect.Effect.Success<typeof bundled>
>() {
  static readonly layer = Layer.scoped(this, bundled).pipe(Layer.provide(NodeContext.layer))
}

layer(Programs.layer)("every example prints what its README shows", (it) => {
  for (const name of [...examples, ...frameworks]) {
    it.scoped.skipIf(frameworks.includes(name) && !isInstalled)(name, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        // Started in a temporary folder, since an example may write a file.
        const cwd = yield* fs.makeTempDirectoryScoped()
        const child = yield* Command.start(
          Command.make(process.execPath, (yield* Programs)(name)).pipe(
            Command.workingDirectory(cwd),
            Command.stderr("inherit"),
          ),
        )
        const output = yield* Stream.mkString(Stream.decodeText(child.stdout))
        expect(normalized(output)).toEqual(
          normalized(outputOf(yield* fs.readFileString(path.join(root, name, "README.md")))),
        )
        expect(yield* child.exitCode).toBe(0)
      }).pipe(Effect.provide(NodeContext.layer)),
    )
  }
})
