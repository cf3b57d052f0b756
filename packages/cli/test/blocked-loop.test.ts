import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { connect, eventOf, go, submit, until } from "./FaultRoom.js"
import { has, json, project, Served, start, write } from "./Processes.js"

/** Blocks the event loop in its first attempt, for so many milliseconds at least and until a file `go` exists. */
const blocking = (least: number) => `import { existsSync } from "node:fs"
export default async (run) => {
  const until = performance.now() + ${least}
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (run.attempt === 1 && (performance.now() < until || !existsSync("go"))) Atomics.wait(cell, 0, 0, 20)
  return "attempt " + run.attempt
}
`

const threeLeases = 15_000

/** A worker that blocks in a run, and another worker that takes the run if its lease lapses. */
const blocked = Effect.fnUntraced(function* (least: number, ...flags: ReadonlyArray<string>) {
  const { cwd, env } = yield* project
  const ports = yield* connect(env)
  const module = yield* write(cwd, "blocking.mjs", blocking(least))
  const startWorker = (...more: ReadonlyArray<string>) =>
    Effect.tap(
      start(["worker", "--module", module, "--lease", "5s", "--json", ...more], { cwd, env }),
      (worker) => worker.line(has({ event: "registered" })),
    )
  const first = yield* startWorker(...flags)
  const runId = yield* submit(ports, "run-1")
  yield* until(ports.runs.get(runId), ({ status }) => status === "running")
  const second = yield* startWorker()
  return { first, second, ports, runId, go: go(cwd) }
})

layer(Served.layer, { excludeTestServices: true })("an executor that blocks the event loop", (it) => {
  it.scoped("keeps its run for many times the lease, and the log names the run", () =>
    Effect.gen(function* () {
      const { first, go: letGo, ports, runId } = yield* blocked(threeLeases)
      yield* letGo
      expect(yield* eventOf(first, "completed", runId)).toMatchObject({ attempt: 1, recorded: true })
      expect((yield* ports.runs.get(runId)).attempt).toBe(1)
      const stalled = json(yield* first.line(has({ event: "stalled" })))
      expect(stalled).toMatchObject({ run_ids: [runId], blockers_known: true })
      expect(stalled).not.toHaveProperty("stopped_after_ms")
      yield* first.errorLine(
        (line) => line.includes("The event loop stood still") && line.includes(`${runId} (counter)`),
      )
    }),
  )

  it.scoped("loses its run to another worker when leases are renewed on the event loop", () =>
    Effect.gen(function* () {
      const { first, go: letGo, runId, second } = yield* blocked(0, "--stall-limit", "0s")
      expect(yield* eventOf(second, "completed", runId)).toMatchObject({ attempt: 2, recorded: true })
      yield* letGo
      expect(yield* eventOf(first, "lease_ended", runId)).toMatchObject({ attempt: 1, reason: "expired" })
    }),
  )

  it.scoped("loses its run past the stall limit, and the log says so at once and when it goes on", () =>
    Effect.gen(function* () {
      const {
        first,
        go: letGo,
        runId,
        second,
      } = yield* blocked(0, "--stall-limit", "6s", "--log-format", "json")
      const line = json(yield* first.errorLine((text) => text.includes("longer than the stall limit of 6 s")))
      expect(line).toMatchObject({ level: "error", run_ids: runId })
      expect(yield* eventOf(second, "completed", runId)).toMatchObject({ attempt: 2, recorded: true })
      yield* letGo
      expect(json(yield* first.line(has({ event: "stalled" })))).toMatchObject({
        run_ids: [runId],
        stopped_after_ms: 6000,
      })
      expect(yield* eventOf(first, "lease_ended", runId)).toMatchObject({ attempt: 1, reason: "expired" })
    }),
  )
})
