import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type HealthCheck, Ids, Runs } from "@runlease/core"
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Effect, Either, Fiber, Redacted } from "effect"
import * as PostgresReplication from "../src/checks/PostgresReplication.js"
import { PostgresPool, SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const submit = (publicId: string) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    runs.submit({ agentId: Ids.AgentId.make("agent"), publicId: Ids.RunId.make(publicId) }),
  )

const ready = Effect.flatMap(ControlPlane.ControlPlane, (controlPlane) => controlPlane.ready)

describe("a PostgreSQL server whose synchronous standby is gone", () => {
  it.scopedLive("acknowledges nothing that no standby confirms, and is not ready", () =>
    Effect.gen(function* () {
      const url = Redacted.make((yield* TestServer.make()).url)
      const ask = <A>(statement: string) => PostgresDatabase.ask<A>(url, statement)
      const waitFor = (names: string) =>
        Effect.zipRight(
          ask(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`),
          ask("SELECT pg_reload_conf()"),
        )
      const waiters = ask<{ readonly pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
      )
      /** Submits until a submission waits for a standby, since the setting is not there at once. */
      const stalled = (
        publicId: string,
      ): Effect.Effect<
        readonly [Ids.RunId, Fiber.RuntimeFiber<Either.Either<Runs.Submitted, { readonly message: string }>>],
        never,
        Runs.Runs
      > =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.either(submit(publicId)))
          while ((yield* waiters).length === 0) {
            if (fiber.unsafePoll() !== null) return yield* stalled(`${publicId}-`)
            yield* PostgresDatabase.breath
          }
          return [Ids.RunId.make(publicId), fiber] as const
        })
      const examine: Effect.Effect<HealthCheck.Finding, unknown> = Effect.provide(
        PostgresReplication.check.examine,
        PostgresPool.layerWith({ url, maxConnections: 2 }),
      )
      yield* Effect.gen(function* () {
        strictEqual((yield* examine).verdict, "ok")
        yield* waitFor("nowhere")
        const [publicId, submission] = yield* stalled("run")
        yield* ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        const outcome = yield* Fiber.join(submission)
        assertTrue(Either.isLeft(outcome))
        assertTrue(outcome.left.message.startsWith("No synchronous standby confirms the commit"))

        // It is there, so a retry has nothing to write; and it is not acknowledged either.
        const again = yield* Effect.fork(submit(publicId))
        while ((yield* waiters).length === 0) yield* PostgresDatabase.breath
        // Those who ask at once share one commit, and its answer.
        const [finding, ...answers] = yield* Effect.all(
          [examine, Effect.flip(ready), Effect.flip(ready), Effect.flip(ready)],
          { concurrency: "unbounded" },
        )
        for (const error of answers) {
          assertTrue(error._tag === "ControlPlaneUnavailable")
          assertTrue(
            error.retryable && error.message.startsWith("No synchronous standby confirms the commit"),
          )
          strictEqual(
            error.detail,
            "No synchronous standby of the database confirms commits; try again later",
          )
        }
        strictEqual(finding.verdict, "fail")
        assertTrue(finding.message.includes('synchronous_standby_names is "nowhere"'))
        // The commits of the checks have ended; that of the submission goes on.
        strictEqual((yield* waiters).length, 1)
        strictEqual(again.unsafePoll(), null)

        yield* waitFor("")
        strictEqual((yield* Fiber.join(again)).duplicate, true)
        yield* Effect.retry(ready, { while: ({ retryable }) => retryable })
        deepStrictEqual(yield* waiters, [])
      }).pipe(Effect.provide(SqlControlPlane.layerPostgres({ url })))
    }),
  )
})
