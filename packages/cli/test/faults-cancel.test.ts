import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import type { Ids } from "@runlease/core"
import { Clock, Console, Effect } from "effect"
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
import { room } from "./Processes.js"
import { gateway } from "./Proxies.js"

/**
 * The time from the acknowledgement of a cancel to the program's TERM, in milliseconds. The program has written all of
 * its output by then, since a refused append would also notify the worker of the cancel. It starts no processes, so it
 * has the whole grace of the worker to write its file: nothing else keeps its group alive.
 */
const latency = Effect.fnUntraced(function* (cwd: string, ports: Ports, runId: Ids.RunId) {
  yield* logged(ports, runId, ({ name }) => name === "count")
  yield* ports.runs.cancel(runId)
  const acknowledgedAt = yield* Clock.currentTimeMillis
  return Math.max(0, (yield* termAt(cwd, runId, 1)) - acknowledgedAt)
})

layer(NodeContext.layer, { excludeTestServices: true })("a cancel", (it) => {
  it.scoped("reaches a running program within 100 ms", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const ports = yield* connect(env)
      const program = yield* counter(cwd, { every: 3_600_000 })
      const worker = yield* startWorker({ cwd, env }, program)

      const latencies = yield* Effect.forEach(
        Array.from({ length: 7 }, (_, index) => `run-${index}`),
        (id) =>
          Effect.gen(function* () {
            const runId = yield* submit(ports, id)
            const millis = yield* latency(cwd, ports, runId)
            expect(yield* eventOf(worker, "lease_ended", runId)).toMatchObject({ reason: "cancelled" })
            return millis
          }),
      )
      yield* Console.log(`cancel to TERM: ${latencies.join(", ")} ms`)
      // The minimum: other load of the machine delays some of them, and makes none faster.
      expect(Math.min(...latencies)).toBeLessThan(100)
    }),
  )

  it.scoped("ends all processes that the program started", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
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
      const { cwd, env } = yield* room
      const ports = yield* connect(env)
      const signalRequests: Array<string> = []
      const { url } = yield* gateway(env.RUNLEASE_URL, (_, path) => {
        if (!path.includes("/signals")) return "pass"
        signalRequests.push(path)
        return "404"
      })
      const program = yield* counter(cwd, { every: 3_600_000 })
      const worker = yield* startWorker({ cwd, env: { ...env, RUNLEASE_URL: url } }, program, "--lease", "6s")
      const latencies = yield* Effect.forEach(["run-1", "run-2", "run-3"], (id) =>
        Effect.gen(function* () {
          const runId = yield* submit(ports, id)
          const millis = yield* latency(cwd, ports, runId)
          expect(yield* eventOf(worker, "lease_ended", runId)).toMatchObject({ reason: "cancelled" })
          return millis
        }),
      )
      expect(signalRequests).not.toEqual([])
      yield* Console.log(
        `cancel to TERM without signals: ${latencies.join(", ")} ms, with a renewal every 2000 ms`,
      )
      expect(Math.min(...latencies)).toBeLessThan(2_500)
    }),
  )
})
