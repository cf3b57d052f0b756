/** The page of docs about worker modules: each of its modules works as it stands there. */
import { FileSystem, Path } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import { until } from "./FaultRoom.js"
import { jsonLines, project, run, Served, start, write } from "./Processes.js"

/** The modules of a page, by their names. */
const modulesOf = (page: string) =>
  Array.from(page.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm), ([, name, text]) => ({
    name: name!,
    text: text!,
  }))

/** What a run of each says for the text 250. */
const answers: Readonly<Record<string, string>> = {
  "echo.mjs": "echo.mjs heard: 250",
  "counting.mts": "one two three",
  "refund.mts": "refunded",
  "promises.mts": "refunded",
  "greeter.mts": "Hello, greeter.mts",
  "forms.mts": "written",
}

layer(Served.layer, { excludeTestServices: true })("the modules of the docs", (it) => {
  it.scoped("execute runs", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      // What a user installs beside the module.
      yield* fs.symlink(path.join(import.meta.dirname, "../node_modules"), path.join(cwd, "node_modules"))
      const page = yield* fs.readFileString(path.join(import.meta.dirname, "../../../docs/worker-modules.md"))
      const modules = modulesOf(page)
      expect(modules.map(({ name }) => name)).toEqual(Object.keys(answers))
      for (const { name, text } of modules) {
        yield* write(cwd, name, text)
        const worker = yield* start(["worker", "--agent", name, "--module", `./${name}`], settings)
        yield* worker.line((line) => line.includes("waits for runs"))
        yield* run(["submit", "--agent", name, "--id", name, "250"], settings)
        if (name === "refund.mts" || name === "promises.mts") {
          const asks = run(["runs", "get", name], settings)
          yield* until(asks, ({ stdout }) => stdout.includes("Refund 250 EUR?"))
          yield* run(["resume", name, "--approve"], settings)
        }
        expect((yield* run(["watch", name], settings)).code).toBe(0)
        const { stdout } = yield* run(["runs", "events", "--json", name], settings)
        const said = jsonLines(stdout).flatMap(({ event }) =>
          Predicate.hasProperty(event, "delta") ? [event.delta] : [],
        )
        expect([name, said.join("")]).toEqual([name, answers[name]])
        yield* worker.signal("SIGTERM")
        yield* worker.ended
      }
    }),
  )

  it.scoped("import TypeScript in a run, and are named by file and line where they throw", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      yield* fs.symlink(path.join(import.meta.dirname, "../node_modules"), path.join(cwd, "node_modules"))
      yield* write(
        cwd,
        "greet.ts",
        'export enum Word { Hello = "hello" }\nexport const greet = (): string => Word.Hello\n',
      )
      yield* write(
        cwd,
        "worker.ts",
        `import { Effect } from "effect"

interface Run {
  readonly agentId: string
}

const broken = Effect.sync((): string => {
  throw new Error("no paper")
})

export default ({ agentId }: Run) =>
  agentId === "broken" ? broken : import("./greet.ts").then(({ greet }) => greet())
`,
      )
      const worker = yield* start(["worker", "--module", "./worker.ts"], settings)
      yield* run(["submit", "--agent", "broken", "--id", "one", "x"], settings)
      const line = yield* worker.line((text) => text.includes("failed"))
      expect(line).toMatch(/ one {2}broken {2}failed: Error: no paper at .*worker\.ts:8:9\)? …$/)
      const listed = yield* run(["runs", "list"], settings)
      expect(listed.stdout).toContain("failed  Error: no paper at ")
      const lazy = yield* run(["submit", "--agent", "lazy", "--watch", "x"], settings)
      expect([lazy.code, lazy.stdout]).toEqual([0, expect.stringContaining("hello\n")])
      yield* worker.signal("SIGTERM")
      yield* worker.ended
      // A module of JavaScript loads without the compiler, which begins with the first TypeScript.
      yield* write(
        cwd,
        "plain.mjs",
        'export default () => import("./greet.js").then(({ greet }) => greet())\n',
      )
      yield* start(["worker", "--module", "./plain.mjs"], settings)
      const plain = yield* run(["submit", "--agent", "plain", "--watch", "x"], settings)
      expect([plain.code, plain.stdout]).toEqual([0, expect.stringContaining("hello\n")])
    }),
  )
})
