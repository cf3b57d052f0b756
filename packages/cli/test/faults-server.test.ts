import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { AgentEvent, Ids } from "@runlease/core"
import { Clock, Console, Effect, Fiber } from "effect"
import {
  begun,
  connect,
  counter,
  counts,
  eventOf,
  go,
  startWorker,
  submit,
  until,
  wholeLog,
} from "./FaultRoom.js"
import { room, start } from "./Processes.js"

layer(NodeContext.layer, { excludeTestServices: true })("a server killed under load", (it) => {
  it.scoped("has everything that it acknowledged after a restart, and its workers go on", () =>
    Effect.gen(function* () {
      const { cwd, env, server } = yield* room
      const settings = { cwd, env }
      const ports = yield* connect(env)

      const program = yield* counter(cwd, { every: 20 })
      const workers = yield* Effect.all(
        [1, 2].map(() => startWorker(settings, program, "--agent", "counter", "--concurrency", "1")),
        { concurrency: "unbounded" },
      )
      const held = yield* Effect.forEach(["held-1", "held-2"], (runId) => submit(ports, runId))
      yield* Effect.forEach(held, (runId) => begun(ports, runId))

      const submitted = new Set<Ids.RunId>()
      const appended = new Map<Ids.RunId, number>()
      const completed = new Set<Ids.RunId>()
      const load = (name: string) =>
        Effect.iterate(1, {
          while: () => true,
          body: (n) =>
            Effect.gen(function* () {
              const runId = yield* submit(ports, `${name}-${n}`, { agent: "unclaimed" })
              submitted.add(runId)
              for (const sequence of [1, 2, 3]) {
                yield* ports.log.append({
                  runId,
                  events: [AgentEvent.custom("count", `${runId}/0/${sequence}`)],
                })
                appended.set(runId, sequence)
              }
              yield* ports.runs.complete(runId, { status: "completed" })
              completed.add(runId)
              return n + 1
            }),
        })
      const loads = yield* Effect.forEach(["a", "b", "c", "d"], (name) =>
        Effect.fork(Effect.either(load(name))),
      )
      yield* until(
        Effect.sync(() => completed.size),
        (size) => size >= 40,
      )
      yield* server.signal("SIGKILL")
      yield* server.ended
      yield* Fiber.interruptAll(loads)

      const { port } = new URL(env.RUNLEASE_URL)
      const again = yield* start(["serve", "--port", port, "--json"], { cwd })
      yield* again.line(() => true)
      const readyAt = yield* Clock.currentTimeMillis

      yield* Effect.forEach(
        submitted,
        (runId) =>
          Effect.gen(function* () {
            const run = yield* ports.runs.get(runId)
            if (completed.has(runId)) expect(run.status).toBe("completed")
            const events = (yield* ports.log.read({ runId })).flatMap(({ event }) =>
              event["name"] === "count" ? [event["value"]] : [],
            )
            const sure = counts(runId, 0, appended.get(runId) ?? 0)
            expect(events.slice(0, sure.length)).toEqual(sure)
            // At most one more run exists: the one whose answer was lost.
            expect(events.length - sure.length).toBeLessThanOrEqual(1)
          }),
        { concurrency: 4 },
      )

      // A reconnected worker appends again, under its old lease.
      const back = yield* Effect.forEach(
        held,
        (runId) =>
          Effect.gen(function* () {
            const { latestEventId } = yield* ports.runs.get(runId)
            yield* until(ports.runs.get(runId), (run) => run.latestEventId > latestEventId)
            return (yield* Clock.currentTimeMillis) - readyAt
          }),
        { concurrency: "unbounded" },
      )
      yield* go(cwd)
      for (const runId of held) {
        const ended = yield* Effect.raceAll(workers.map((worker) => eventOf(worker, "completed", runId)))
        expect(ended).toMatchObject({ attempt: 1, recorded: true })
        const { counted } = yield* wholeLog(ports, runId)
        expect(counted).toEqual(counts(runId, 1, counted.length))
      }
      yield* Console.log(
        `server killed: ${submitted.size} submits, ${Array.from(appended.values()).reduce((a, b) => a + b, 0)} appends, ` +
          `${completed.size} completes acknowledged, none lost; workers append again ${back.join(" and ")} ms after it is ready`,
      )
    }),
  )
})
