import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import { folder, has, json, project, room, run, Served, start } from "./Processes.js"
import { hostile, obeyed } from "./hostileText.js"
import { onTerminal } from "./Terminal.js"

layer(Served.layer, { excludeTestServices: true })("a terminal", (it) => {
  it.scoped("that closes drains a worker and ends a server, as SIGTERM does", () =>
    Effect.gen(function* () {
      const { cwd, env, server } = yield* room
      const settings = { cwd, env }
      const worker = yield* start(
        ["worker", "--json", "--drain-timeout", "0", "--command", "sh", "--", "-c", "sleep 600"],
        settings,
      )
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* worker.line(has({ event: "claimed", run_id: "run-1" }))
      yield* worker.signal("SIGHUP")
      yield* worker.line(has({ event: "released", run_id: "run-1" }))
      expect((yield* worker.ended).code).toBe(0)
      yield* server.signal("SIGHUP")
      expect((yield* server.ended).code).toBe(0)
    }),
  )

  it.scoped("shows the stderr of a program as lines of the worker", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const program = ["--command", "sh", "--", "-c", "echo low on paper >&2; echo done"]
      const forPeople = yield* start(["worker", "--agent", "a", ...program], settings)
      const forMachines = yield* start(["worker", "--json", "--agent", "b", ...program], settings)
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* run(["submit", "--agent", "b", "--id", "run-2", "x"], settings)
      const line = yield* forPeople.line((text) => text.includes("low on paper"))
      expect(line).toMatch(/^\d\d:\d\d:\d\d {2}run-1 {2}a {2}\| low on paper$/)
      const object = json(yield* forMachines.line((text) => text.includes("low on paper")))
      expect(object).toEqual({
        time: object["time"],
        event: "stderr",
        run_id: "run-2",
        agent_id: "b",
        text: "low on paper",
      })
      for (const worker of [forPeople, forMachines]) {
        yield* worker.signal("SIGTERM")
        expect((yield* worker.ended).stderr).toBe("")
      }
    }),
  )

  it.scoped("gets as text what it would obey, from every command that shows what an agent says", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const module = yield* Effect.promise(() =>
        Bundle.fixture(new URL("fixtures/hostile.ts", import.meta.url)),
      )
      const worker = yield* start(["worker", "--module", module], settings)
      const machine = yield* start(["worker", "--json", "--agent", "none", "--module", module], settings)
      const watching = yield* start(["submit", "--agent", "a", "--id", "run-1", "--watch", "x"], settings)
      yield* watching.line((line) => line === "run-1")
      const json = yield* start(["watch", "--json", "run-1"], settings)
      yield* watching.line((line) => line.startsWith("Answer with"))

      const read = ["get", "explain", "tree", "usage", "events"].map((name) => ["runs", name, "run-1"])
      const commands = [...read, ["runs", "list"], ["workers", "list"]]
      const shown = Effect.forEach([...commands, ...commands.map((args) => [...args, "--json"])], (args) =>
        Effect.map(run(args, settings), ({ code, stderr, stdout }) => {
          expect([args, code, obeyed(stdout + stderr)]).toEqual([args, 0, []])
          return stdout
        }),
      )
      const asking = yield* shown
      expect(asking.join("")).toContain("a\\u001b]52;c;")
      const prompted = yield* onTerminal(["watch", "run-1"], settings, [["Answer with y", "yes\n"]], true)
      // Its own colours are all that it says to the terminal.
      expect(prompted.stdout).toContain("\u001B[2m")
      // oxlint-disable-next-line no-control-regex -- the sequences are what this is about
      expect(obeyed(prompted.stdout.replaceAll(/\u001B\[(?:[0-9]|[23][0-9])m/g, ""))).toEqual([])
      expect(prompted.stdout).not.toContain("\u001B[8m")
      yield* shown

      const refused = yield* Effect.forEach(
        [
          ["submit", "--agent", hostile, "x"],
          ["watch", hostile],
          ["runs", "list", "--limit", hostile],
          ["worker", "--name", hostile, "--command", "cat"],
          ["keys", "create", hostile],
        ],
        (args) => run(args, settings),
      )
      expect(refused.map(({ code, stderr, stdout }) => [code === 0, obeyed(stdout + stderr)])).toEqual(
        refused.map(() => [false, []]),
      )
      for (const process of [watching, json]) {
        const { code, stderr, stdout } = yield* process.ended
        expect([code, obeyed(stdout + stderr)]).toEqual([2, []])
      }
      for (const process of [worker, machine]) {
        yield* process.signal("SIGTERM")
        expect(obeyed((yield* process.ended).stdout)).toEqual([])
      }
    }),
  )

  it.scoped("shows next commands that reach the server that printed them", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const server = yield* start(["serve", "--port", "0"], { cwd })
      const last = yield* server.line((line) => line.includes("runlease submit"))
      yield* server.signal("SIGTERM")
      const { stdout } = yield* server.ended
      const [, url] = /listens on (\S+)/.exec(stdout)!
      expect(last).toBe(`  runlease submit --url ${url} --agent echo --watch hello`)
      expect(stdout).toContain(`  runlease worker --url ${url} --command printenv -- RUNLEASE_PROMPT\n`)
    }),
  )
})
