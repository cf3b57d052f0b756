import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { folder, has, json, room, run, start } from "./Processes.js"

layer(NodeContext.layer, { excludeTestServices: true })("a terminal", (it) => {
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
      const { cwd, env } = yield* room
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
