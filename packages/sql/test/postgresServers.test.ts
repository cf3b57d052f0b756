import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type AgentEvent, Claims, Ids, Leases, RunLog, Runs, WorkerRegistry } from "@runlease/core"
import { Chunk, Context, Effect, Fiber, Layer, Option, type Redacted, Stream } from "effect"
import { TestRuns } from "@runlease/testkit"
import { SqlControlPlane, StoreTime } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as Revocation from "./Revocation.js"

const agentId = Ids.AgentId.make("agent")
const event: AgentEvent.LogEvent = { type: "CUSTOM", name: "n", value: 1 }

/** A server's control plane; the test's clock stands still, so nothing polls. */
const server = (url: Redacted.Redacted) =>
  Layer.build(
    Layer.provide(
      SqlControlPlane.layerPostgres({ url, maxConnections: 3 }),
      Layer.succeed(StoreTime.StoreTime, "clock"),
    ),
  )

const two = Effect.flatMap(PostgresDatabase.url, (url) =>
  Effect.map(Effect.all([server(url), server(url)]), ([a, b]) => ({ a, b, url })),
)

const register = Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) =>
  registry.register({ implementationKind: "kind", workerKey: "key" }),
)

/** The database sessions that listen for wake-ups. */
const listeners = (url: Redacted.Redacted) =>
  Effect.map(
    PostgresDatabase.ask<{ readonly pid: number }>(
      url,
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    ),
    (rows) => rows.map(({ pid }) => pid),
  )

/** Repeats until the condition is true, in real time, as another process causes it. */
const until = <A, E, R>(look: Effect.Effect<A, E, R>, so: (value: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.flatMap(look, (value) =>
    so(value) ? Effect.succeed(value) : Effect.zipRight(PostgresDatabase.breath, until(look, so)),
  )

describe("two servers on one PostgreSQL database", () => {
  it.scoped("answer a waiting claim on one with a run submitted to the other", () =>
    Effect.gen(function* () {
      const { a, b } = yield* two
      const worker = yield* Effect.provide(register, a)
      const waiting = yield* Effect.fork(
        Context.get(a, Claims.Claims).claim({
          workerId: worker.id,
          limit: 1,
          leaseDuration: "30 seconds",
          wait: "30 seconds",
        }),
      )
      yield* Effect.provide(TestRuns.settle, a)
      const { run } = yield* Context.get(b, Runs.Runs).submit({ agentId })
      deepStrictEqual(
        (yield* Fiber.join(waiting)).map(({ runId }) => runId),
        [run.runId],
      )
    }),
  )

  it.scoped("signal a cancellation on one to a worker on the other", () =>
    Effect.gen(function* () {
      const { a, b } = yield* two
      const worker = yield* Effect.provide(register, a)
      const { run } = yield* Context.get(b, Runs.Runs).submit({ agentId })
      yield* Context.get(a, Claims.Claims).claim({
        workerId: worker.id,
        limit: 1,
        leaseDuration: "30 seconds",
      })
      const signal = yield* Effect.fork(Stream.runHead(Context.get(a, Leases.Leases).signals(worker.id)))
      yield* Effect.yieldNow()
      yield* Context.get(b, Runs.Runs).cancel(run.runId)
      const heard = yield* Fiber.join(signal)
      deepStrictEqual(Option.getOrThrow(heard), { _tag: "Cancelled", runId: run.runId })
    }),
  )

  it.scoped("send a follower on one the entries appended on the other, until the end", () =>
    Effect.gen(function* () {
      const { a, b } = yield* two
      const { run } = yield* Context.get(a, Runs.Runs).submit({ agentId, initialStatus: "running" })
      const followed = yield* Effect.fork(
        Stream.runCollect(Context.get(a, RunLog.RunLog).follow({ runId: run.runId })),
      )
      for (let count = 0; count < 5; count++) {
        yield* Context.get(b, RunLog.RunLog).append({ runId: run.runId, events: [event] })
        yield* Effect.provide(TestRuns.settle, a)
      }
      yield* Context.get(b, Runs.Runs).complete(run.runId, { status: "completed" })
      deepStrictEqual(
        Chunk.toArray(yield* Fiber.join(followed)).map((entry) => entry.event.type),
        ["RUN_STARTED", ...Array.from({ length: 5 }, () => "CUSTOM"), "RUN_FINISHED"],
      )
    }),
  )

  it.scoped("refuse on one the token of a key that the other revokes, and that of its worker", () =>
    Effect.gen(function* () {
      const { a, b } = yield* two
      const { ofKey, ofWorker, revoke } = yield* Revocation.tokens(a, b)
      strictEqual(yield* ofKey, true)
      strictEqual(yield* ofWorker, true)

      // Time stands still, so no cached token is too old. Either may be cached alone, when the issue of one was heard between the looks.
      yield* revoke
      yield* until(ofKey, (valid) => !valid)
      yield* until(ofWorker, (valid) => !valid)
    }),
  )

  it.scoped("reconnect when the listening connection ends, and wake the requests that waited meanwhile", () =>
    Effect.gen(function* () {
      const { a, b, url } = yield* two
      const worker = yield* Effect.provide(register, a)
      const claim = Context.get(a, Claims.Claims).claim({
        workerId: worker.id,
        limit: 1,
        leaseDuration: "30 seconds",
        wait: "30 seconds",
      })
      const waiting = yield* Effect.fork(claim)
      const before = yield* listeners(url)
      strictEqual(before.length, 2)
      for (const pid of before) yield* PostgresDatabase.ask(url, `SELECT pg_terminate_backend(${pid})`)
      // A server learns of the other some turns after it has its own connection, so its first submissions may wake nothing.
      const untilWoken = (claiming: typeof waiting) =>
        Effect.gen(function* () {
          const submitted: Array<string> = []
          const submit = Effect.map(Context.get(b, Runs.Runs).submit({ agentId }), ({ run }) =>
            submitted.push(run.runId),
          )
          yield* until(Effect.zipRight(submit, Fiber.poll(claiming)), Option.isSome)
          return [submitted, (yield* Fiber.join(claiming)).map(({ runId }) => runId)] as const
        })
      const [first, claimed] = yield* untilWoken(waiting)
      strictEqual(claimed.length, 1)
      assertTrue(first.includes(claimed[0]!))
      yield* until(listeners(url), (pids) => pids.length === 2 && pids.every((pid) => !before.includes(pid)))
      // What was submitted beside is out of the way.
      while ((yield* Effect.provide(TestRuns.claim(worker.id, { limit: 100 }), a)).length > 0);
      const again = yield* Effect.fork(claim)
      yield* Effect.provide(TestRuns.settle, a)
      const [second, reclaimed] = yield* untilWoken(again)
      strictEqual(reclaimed.length, 1)
      assertTrue(second.includes(reclaimed[0]!))
    }),
  )
})
