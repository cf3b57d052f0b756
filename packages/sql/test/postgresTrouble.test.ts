import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Claims,
  ControlPlane,
  ControlPlaneUnavailable,
  Ids,
  RunLog,
  Runs,
  WorkerRegistry,
} from "@runlease/core"
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Effect, Either, Fiber, Layer, Redacted, Ref } from "effect"
import * as Pg from "pg"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TcpProxy from "./TcpProxy.js"

const agentId = Ids.AgentId.make("agent")

const submit = Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId }))
const ready = Effect.flatMap(ControlPlane.ControlPlane, (controlPlane) => controlPlane.ready)

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable
      ? Effect.succeed(error)
      : Effect.dieMessage(`Refused with ${String(error)}`),
  )

/** Retries until the call succeeds, in real time, as another process must recover. */
const untilAnswered = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> =>
  Effect.catchAll(effect, () => Effect.zipRight(PostgresDatabase.breath, untilAnswered(effect)))

/** Checks that the log of each run has as many entries as its run says. */
const assertConsistent = (ids: Iterable<Ids.RunId>) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    for (const runId of ids) {
      const { latestEventId } = yield* runs.get(runId)
      strictEqual((yield* log.read({ runId })).length, Number(latestEventId))
    }
  })

describe("a PostgreSQL server in trouble", () => {
  for (const signal of ["SIGKILL", "SIGINT"] as const) {
    it.scopedLive(
      `stopped by ${signal} refuses every request, is not ready, and has all acknowledged data after its restart`,
      () =>
        Effect.gen(function* () {
          const postgres = yield* TestServer.make()
          const url = Redacted.make(postgres.url)
          yield* Effect.gen(function* () {
            const claims = yield* Claims.Claims
            const runs = yield* Runs.Runs
            const registry = yield* WorkerRegistry.WorkerRegistry
            const { id: workerId } = yield* registry.register({
              implementationKind: "kind",
              workerKey: "key",
            })
            const acknowledged = new Set<Ids.RunId>()
            const completed = new Set<Ids.RunId>()
            const refused = yield* Ref.make(0)
            const submitOne = Effect.gen(function* () {
              const verdict = yield* Effect.either(submit)
              if (Either.isRight(verdict)) acknowledged.add(verdict.right.run.runId)
              else yield* Ref.update(refused, (count) => count + 1)
            })
            const workOne = Effect.gen(function* () {
              const [claimed] = yield* claims.claim({ workerId, limit: 1, leaseDuration: "5 minutes" })
              if (claimed === undefined) return
              const { leaseEpoch: epoch, runId } = claimed
              yield* runs.complete(runId, { status: "completed" }, { workerId, epoch })
              completed.add(runId)
            }).pipe(Effect.ignore)
            const load = yield* Effect.fork(
              Effect.all([Effect.forever(submitOne), Effect.forever(submitOne), Effect.forever(workOne)], {
                concurrency: "unbounded",
              }),
            )
            yield* Effect.repeat(PostgresDatabase.breath, { until: () => completed.size > 20 })
            yield* postgres.kill(signal)
            yield* Effect.repeat(Effect.zipRight(PostgresDatabase.breath, Ref.get(refused)), {
              until: (count) => count > 2,
            })
            yield* Fiber.interrupt(load)

            const error = yield* refusal(submit)
            assertTrue(error.retryable)
            assertTrue((yield* refusal(ready)).retryable)

            yield* postgres.start
            yield* untilAnswered(ready)
            yield* assertConsistent(acknowledged)
            for (const runId of completed) strictEqual((yield* runs.get(runId)).status, "completed")
            const { run } = yield* submit
            yield* assertConsistent([run.runId])
          }).pipe(Effect.provide(SqlControlPlane.layerPostgres({ url })))
        }),
    )
  }

  it.scopedLive("with a row locked by another session gives up on that row, and continues with others", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { run } = yield* submit
        const locker = new Pg.Client({ connectionString: Redacted.value(url) })
        yield* Effect.acquireRelease(
          Effect.promise(() => locker.connect()),
          () => Effect.promise(() => locker.end()),
        )
        yield* Effect.promise(() => locker.query("BEGIN"))
        yield* Effect.promise(() => locker.query("SELECT 1 FROM runs FOR UPDATE"))
        const error = yield* refusal(runs.cancel(run.runId))
        assertTrue(error.message.startsWith("The database is locked by somebody else"))
        assertTrue(error.retryable)
        strictEqual((yield* runs.get(run.runId)).status, "pending")
        yield* submit
        yield* Effect.promise(() => locker.query("COMMIT"))
        assertTrue((yield* runs.cancel(run.runId)).cancelled)
      }).pipe(Effect.provide(SqlControlPlane.layerPostgres({ url, lockTimeout: "100 millis" })))
    }),
  )

  it.scopedLive(
    "behind a network that drops all packets times out, and answers again once the network is back",
    () =>
      Effect.gen(function* () {
        let drops = false
        const url = yield* TcpProxy.make(yield* PostgresDatabase.url, (client, connect) => {
          const upstream = connect()
          for (const [from, to] of [
            [client, upstream],
            [upstream, client],
          ] as const) {
            from.on("data", (chunk) => void (drops || to.write(chunk)))
            from.on("close", () => to.destroy())
          }
        })
        yield* Effect.gen(function* () {
          yield* submit
          drops = true
          const [write, read] = yield* Effect.all([refusal(submit), refusal(ready)], { concurrency: 2 })
          assertTrue(write.retryable && read.retryable)
          drops = false
          yield* untilAnswered(submit)
          yield* untilAnswered(ready)
        }).pipe(
          Effect.provide(
            Layer.fresh(
              SqlControlPlane.layerPostgres({
                url,
                statementTimeout: "500 millis",
                connectTimeout: "1 second",
              }),
            ),
          ),
        )
      }),
  )

  it.scopedLive("that is unreachable, or lacks the database, is reported when the control plane opens", () =>
    Effect.gen(function* () {
      const url = new URL(Redacted.value(yield* PostgresDatabase.url))
      const opened = (how: (url: URL) => void) => {
        const other = new URL(url)
        how(other)
        return refusal(Layer.build(SqlControlPlane.layerPostgres({ url: Redacted.make(other.href) })))
      }
      const unreachable = yield* opened((other) => (other.port = "1"))
      assertTrue(unreachable.message.startsWith("The database did not answer"))
      const missing = yield* opened((other) => (other.pathname = "/nowhere"))
      assertTrue(missing.message.startsWith("The database does not let us in"))
      const unreadable = yield* refusal(
        Layer.build(SqlControlPlane.layerPostgres({ url: Redacted.make("postgres://a:hunter2@:x:y/") })),
      )
      deepStrictEqual(unreadable.message, "The database did not answer: The URL is not understood")
    }),
  )
})
