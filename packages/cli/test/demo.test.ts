import { Command, FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { until } from "./FaultRoom.js"
import { folder, json, jsonLines, run, start, write } from "./Processes.js"
import { onTerminal } from "./Terminal.js"

/** The command lines of all running processes, without zombies. */
const processes = Effect.map(Command.lines(Command.make("ps", "-eo", "stat=,args=")), (lines) =>
  lines.filter((line) => !line.startsWith("Z")),
)

/** A folder with documents, and a temporary folder for the demonstration. */
const stage = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const cwd = yield* folder
  const temporary = path.join(cwd, "temporary")
  yield* fs.makeDirectory(temporary)
  for (const name of ["one", "two", "three", "four", "five", "six", "seven", "eight"]) {
    yield* write(cwd, `${name}.md`, `# ${name}\n\n## First of ${name}\n\ntext\n\n## Second of ${name}\n`)
  }
  return { cwd, temporary, settings: { cwd, env: { TMPDIR: temporary } } }
})

/** What the demonstration and its workers have in a folder. A worker that compiles sources would leave what it compiled. */
const leftIn = (temporary: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.map(fs.readDirectory(temporary), (names) => names.filter((name) => name !== "node-compile-cache")),
  )

layer(NodeContext.layer, { excludeTestServices: true })("the demonstration", (it) => {
  it.scoped(
    "goes on behind the steps that the killed worker recorded, and leaves its database with --keep",
    () =>
      Effect.gen(function* () {
        const { cwd, settings, temporary } = yield* stage
        const demo = yield* start(["demo", "--keep"], settings)
        yield* demo.line((line) => line.includes("serves it again"))
        const page = yield* Effect.promise(async () => {
          const [, url] = /The dashboard: (\S+),/.exec(
            await Effect.runPromise(demo.line((line) => line.startsWith("The dashboard:"))),
          )!
          return (await fetch(url!, { headers: { accept: "text/html" } })).text()
        })
        expect(page).toContain("<title>Runlease</title>")
        yield* demo.signal("SIGINT")
        const { stderr, stdout } = yield* demo.ended
        expect(stderr).toBe("")
        expect(stdout).toMatch(/^ {2}dashboard http:\/\/127\.0\.0\.1:\d+\/, with the API key rlk_/m)

        const [, killed, held] =
          /kill -9 of worker ([AB]), which ran the editor, in its step 2, and (\d) document/.exec(stdout)!
        // On a busy machine a lease of 5 seconds may lapse once more.
        const lines = stdout.match(/^ {2}editor .*/gm) ?? []
        const [takeover, ...later] = lines.filter((line) => line.includes("takes over"))
        expect(takeover).toMatch(/worker [AB] takes over: step 1 of the log is not done again$/)
        const last = /worker ([AB])/.exec(later.at(-1) ?? takeover!)![1]
        expect(lines.filter((line) => !line.includes("takes over"))).toEqual([
          `  editor  ${killed}  step 1 of 3  count  8 documents, 24 headings`,
          `  editor  ${killed}  step 2 of 3  pay    sends $0.24 to the bank, which answers late`,
          expect.stringMatching(
            /^ {2}editor {2}[AB] {2}step 2 of 3 {2}pay {4}found in the ledger: \$0\.24 are paid, and not again$/,
          ),
          `  editor  ${last}  step 3 of 3  write  the outline is written`,
          "  editor  question: Publish the outline of 8 documents? It waits without a worker.",
          expect.stringMatching(/^ {2}editor {2}[AB] {2}continues with the answer$/),
          "  editor  ended: The outline is published.",
        ])
        for (const name of ["one", "eight"]) {
          expect(stdout).toMatch(
            new RegExp(`done +\\d/8  [AB]  ${name}.md +${name} › First of ${name} › Second of ${name}\n`),
          )
        }
        expect(stdout.match(/takes over .*\.md, behind \d of its 3 headings/g) ?? []).toHaveLength(
          Number(held),
        )
        const runs = Number(held) + 1
        expect(stdout).toMatch(new RegExp(`^interrupted by the kill +${runs} runs?$`, "m"))
        expect(stdout).toMatch(new RegExp(`^taken over +${runs} runs? within`, "m"))
        expect(stdout).toMatch(/^payments in the ledger +1$/m)

        const [, apiKey] = /export RUNLEASE_URL=\S+ RUNLEASE_API_KEY=(\S+)/.exec(stdout)!
        const [, database] = /serve --database (\S+)/.exec(stdout)!
        const [, editor] = /runs events (\S+)/.exec(stdout)!
        // The guard of the killed worker removes its folders a moment later.
        yield* until(
          leftIn(temporary),
          (left) => left.length <= 1,
          "more than the folder of the demonstration is left",
          "250 millis",
        )
        expect(yield* leftIn(temporary)).toHaveLength(1)
        const server = yield* start(["serve", "--json", "--port", "0", "--database", database!], {
          cwd,
          env: { RUNLEASE_API_KEY: apiKey! },
        })
        const { url } = json(yield* server.line(() => true))
        const env = { RUNLEASE_API_KEY: apiKey!, RUNLEASE_URL: String(url) }
        const listed = jsonLines((yield* run(["runs", "list", "--json"], { cwd, env })).stdout)
        expect(listed.map(({ status }) => status)).toEqual(Array.from({ length: 9 }, () => "completed"))
        const steps = yield* run(["runs", "events", editor!, "--json", "--name", "runlease.step"], {
          cwd,
          env,
        })
        expect(
          jsonLines(steps.stdout).map(({ event }) => (event as { value: { name: string } }).value.name),
        ).toEqual(["count", "pay", "write"])
      }),
  )

  it.scoped("lets the person at the terminal answer", () =>
    Effect.gen(function* () {
      const { cwd, settings } = yield* stage
      const typed = "Publish the outline of 8 documents? [Y/n]"
      const { stdout } = yield* onTerminal(["demo", "--folder", cwd], settings, [[typed, "n\n"]])
      expect(stdout).toContain("editor  ended: The outline stays a draft.")
      expect(stdout).toContain("the editor has paid once")
    }),
  )

  it.scoped("leaves no process and no folder after SIGKILL, SIGHUP or SIGINT", () =>
    Effect.gen(function* () {
      const { cwd, settings, temporary } = yield* stage
      for (const signal of ["SIGKILL", "SIGHUP", "SIGINT"] as const) {
        const demo = yield* start(["demo"], settings)
        yield* demo.line((line) => line.includes("done"))
        expect(yield* leftIn(temporary)).not.toEqual([])
        yield* demo.signal(signal)
        yield* demo.ended
        yield* until(
          Effect.all([processes, leftIn(temporary)]),
          ([running, left]) => left.length === 0 && !running.some((line) => line.includes(cwd)),
          `a process or a folder is left after ${signal}`,
          "250 millis",
        )
      }
    }),
  )
})
