import { expect, layer } from "@effect/vitest"
import { Executor } from "@runlease/core"
import { Effect } from "effect"
import asking from "./fixtures/asking.js"
import stepping from "./fixtures/stepping.js"
import { working } from "./OwnWorker.js"
import { project, run, Served, start } from "./Processes.js"
import { onTerminal } from "./Terminal.js"

layer(Served.layer, { excludeTestServices: true })("watching", (it) => {
  it.scoped("prints the run's id at once, and which worker to start when no worker claims it", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const says = Executor.layerFrom(() => Effect.succeed("done\n"))
      yield* working(env, says, { agentIds: ["other"] })
      const watching = yield* start(["submit", "--agent", "mine", "--id", "run-1", "--watch", "x"], settings)
      expect(yield* watching.line(() => true)).toBe("run-1")
      const message = yield* watching.errorLine(() => true)
      expect(message).toBe(
        "No worker that takes runs of agent mine is working. Start one with: runlease worker --agent mine --command PROGRAM",
      )
      const again = yield* start(["watch", "run-1"], settings)
      expect(yield* again.errorLine(() => true)).toBe(message)
      const kind = yield* start(["submit", "--agent", "other", "--kind", "special", "--watch", "x"], settings)
      expect(yield* kind.errorLine(() => true)).toContain("worker --agent other --kind special --command")

      yield* working(env, says)
      expect((yield* watching.ended).stdout).toContain("done\n")
    }),
  )

  it.scoped("shows an open question as runs get does, and goes on after an answer from elsewhere", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      yield* working(env, Executor.layerFrom(asking))
      const watching = yield* start(
        ["submit", "--agent", "approving", "--id", "run-1", "--watch", "x"],
        settings,
      )
      yield* watching.line((line) => line === "  deploy  Deploy it?")
      yield* watching.line((line) => line === "    replicas: 900")
      yield* watching.line((line) => line.startsWith("Answer with: runlease resume run-1"))
      const got = yield* run(["runs", "get", "run-1"], settings)
      const late = yield* start(["watch", "run-1", "--after", "1000"], settings)
      yield* late.line((line) => line.startsWith("Answer with: runlease resume run-1"))
      yield* run(["runs", "resume", "run-1", "--approve"], settings)
      const { code, stdout } = yield* watching.ended
      expect(code).toBe(0)
      for (const line of got.stdout.trim().split("\n")) expect(stdout).toContain(line)
    }),
  )

  it.scoped("says what is recorded as sentences, without results and ids of steps", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      yield* working(env, Executor.layerFrom(stepping))
      const { code, stdout } = yield* run(
        ["submit", "--agent", "a", "--id", "run-1", "--watch", "x"],
        settings,
      )
      expect(code).toBe(0)
      for (const line of [
        "step count 7 is recorded",
        "step pay begins, at most once",
        "step pay is recorded",
        "step read has found no message",
        "step rest sleeps for 10 ms",
        "used 12 input and 3 output tokens of m",
      ]) {
        expect(stdout).toContain(`· ${line}\n`)
      }
      expect(stdout).toMatch(/^· spawned child \S+ of agent child$/m)
      expect(stdout).toMatch(/^· child \S+ of agent child has ended: completed$/m)
      expect(stdout).not.toMatch(/step_id|record_id|runlease\.(?!child\.)|secret/)
    }),
  )

  it.scoped("prompts on a terminal, and resumes the run with the typed answer", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      yield* working(env, Executor.layerFrom(asking))
      const { stdout } = yield* onTerminal(
        ["submit", "--agent", "approving", "--id", "run-1", "--watch", "x"],
        settings,
        [["Answer with y", "yes\n"]],
      )
      expect(stdout).toContain("run_finished success")
      const got = yield* run(["runs", "get", "run-1"], settings)
      expect(got.stdout).toMatch(/^status +completed$/m)
    }),
  )
})
