import { expect, layer } from "@effect/vitest"
import { Array, Clock, Console, Effect } from "effect"
import {
  alive,
  begun,
  connect,
  counter,
  eventOf,
  logged,
  type Ports,
  startWorker,
  submit,
  termAt,
  until,
} from "./FaultRoom.js"
import { project, type Running, Served } from "./Processes.js"
import { gateway } from "./Proxies.js"

/**
 * The time from the acknowledgement of a cancel to the program's TERM, in milliseconds, for `count` runs. A program has
 * written all of its output by then, since a refused append would also notify the worker of the cancel. It starts no
 * processes, so it has the whole grace of the worker to write its file: nothing else keeps its group alive.
 */
const latencies = (cwd: string, ports: Ports, worker: Running, count: number) =>
  Effect.forEach(Array.range(1, count), (number) =>
    Effect.gen(function* () {
      const runId = yield* submit(ports, `run-${number}`)
      yield* logged(ports, runId, ({ name }) => name === "count")
      yield* ports.runs.cancel(runId)
      const acknowledgedAt = yield* Clock.currentTimeMillis
      const millis = Math.max(0, (yield* termAt(cwd, runId, 1)) - acknowledgedAt)
      expect(yield* eventOf(worker, "lease_ended", runId)).toMatchObject({ reason: "cancelled" })
      return millis
    }),
  )

layer(Served.layer, { excludeTestServices: true })("a cancel", (it) => {
  it.scoped("reaches a running program within 100 ms", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const program = yield* counter(cwd, { every: 3_600_000 })
      const worker = yield* startWorker({ cwd, env }, program)
      const measured = yield* latencies(cwd, ports, worker, 7)
      yield* Console.log(`cancel to TERM: ${measured.join(", ")} ms`)
      // The minimum: other load of the machine delays some of them, and makes none faster.
      expect(Math.min(...measured)).toBeLessThan(100)
    }),
  )

  it.scoped("ends all processes that the program started", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const program = yield* counter(cwd, { every: 3_600_000, children: true })
      const worker = yield* startWorker({ cwd, env }, program, "--grace", "200ms")
      const runId = yield* submit(ports, "run")
      const processes = yield* begun(ports, runId)
      expect(processes).toHaveLength(3)
      expect(yield* alive(processes)).toHaveLength(3)
      yield* ports.runs.cancel(runId)
      expect(yield* eventOf(worker, "lease_ended", runId)).toMatchObject({ reason: "cancelled" })
      yield* until(alive(processes), (left) => left.length === 0)
    }),
  )

  it.scoped("reaches it with the next renewal when the server sends no signals", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const signalRequests: Array<string> = []
      const { url } = yield* gateway(env.RUNLEASE_URL, (_, path) => {
        if (!path.includes("/signals")) return "pass"
        signalRequests.push(path)
        return "404"
      })
      const program = yield* counter(cwd, { every: 3_600_000 })
      const worker = yield* startWorker(
        { cwd, env: { ...env, RUNLEASE_URL: url } },
        program,
        "--lease",
        "15s",
      )
      const measured = yield* latencies(cwd, ports, worker, 3)
      expect(signalRequests).not.toEqual([])
      yield* Console.log(
        `cancel to TERM without signals: ${measured.join(", ")} ms, with a renewal every 5000 ms`,
      )
      expect(Math.min(...measured)).toBeLessThan(5_500)
    }),
  )
})
