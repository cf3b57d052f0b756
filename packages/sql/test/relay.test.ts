import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, ControlPlaneError, ControlPlaneUnavailable, Ids, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Deferred, Effect, Fiber, Layer, Schedule } from "effect"
import { Outbox, Relay } from "../src/index.js"
import * as Databases from "./Databases.js"

const stores = { SQLite: Databases.sqlite, PostgreSQL: Databases.postgres }

const soon = Schedule.spaced("5 millis")

const rowsIn = (table: "runlease_outbox" | "runlease_outbox_refused") =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ readonly id: string }>`SELECT CAST(id AS TEXT) AS id FROM ${sql(table)} ORDER BY position`,
  ).pipe(Effect.map((rows) => rows.map(({ id }) => id)))

const untilEmpty = Effect.repeat(rowsIn("runlease_outbox"), {
  until: ({ length }) => length === 0,
  schedule: soon,
})

const agentsOf = Effect.flatMap(Runs.Runs, (runs) =>
  Effect.map(runs.list({ limit: 100 }), ({ items }) => items.map(({ agentId }) => agentId).toReversed()),
)

/** A control plane elsewhere. */
const elsewhere = Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer)

for (const [name, open] of Object.entries(stores)) {
  describe(`the relay of an outbox on ${name}`, () => {
    /** Runs a test over the database of an application that has made the tables, with a control plane elsewhere. */
    const test = (does: string, effect: Effect.Effect<void, unknown, SqlClient.SqlClient | Runs.Runs>) =>
      it.scopedLive(does, () =>
        Effect.flatMap(open, ({ client }) =>
          Effect.provide(
            Effect.zipRight(Effect.zipRight(Relay.tables, Relay.tables), effect),
            Layer.merge(client, elsewhere),
          ),
        ),
      )

    test(
      "submits what was committed, in its order, and nothing that rolled back",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* Effect.forkScoped(Relay.run())
        const insert = (agent: string, commit: boolean) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const first = yield* Outbox.submit(`${agent}-1`, { agent })
              yield* Outbox.submit(`${agent}-2`, { agent })
              if (!commit) yield* Effect.fail("not paid")
              return first
            }),
          )
        const first = yield* insert("one", true)
        strictEqual(yield* Effect.flip(insert("never", false)), "not paid")
        yield* insert("two", true)
        yield* untilEmpty
        deepStrictEqual(yield* agentsOf, ["one-1", "one-2", "two-1", "two-2"])
        deepStrictEqual((yield* (yield* Runs.Runs).snapshot(first)).input, { agent: "one" })
        deepStrictEqual(yield* rowsIn("runlease_outbox_refused"), [])
      }).pipe(Effect.scoped),
    )

    test(
      "keeps what becomes no run with the reason, takes the rows beside it, and leaves those of other projects",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const insert = (submission: string, project = "default") =>
          sql<{ readonly id: string }>`INSERT INTO runlease_outbox (project, submission)
            VALUES (${project}, ${submission}) RETURNING CAST(id AS TEXT) AS id`.pipe(
            Effect.map(([row]) => row!.id),
          )
        const other = yield* insert('{"agent": "a"}', "other")
        yield* insert('{"agent": "a"}')
        const wrong = yield* insert('{"agent": "a", "priority": "high"}')
        yield* insert('{"agent": "b"}')
        const nobody = yield* insert("{}")
        yield* Effect.forkScoped(Relay.run())
        yield* Effect.repeat(rowsIn("runlease_outbox"), {
          until: (ids) => ids.length === 1,
          schedule: soon,
        })
        deepStrictEqual(yield* rowsIn("runlease_outbox"), [other])
        deepStrictEqual(yield* agentsOf, ["a", "b"])
        const { refused } = yield* Outbox.rows
        deepStrictEqual(
          refused.map(({ code, id, message }) => [id, code, message]),
          [
            [wrong, "InvalidSubmission", refused[0]?.message],
            [nobody, "InvalidSubmission", "agent: is missing"],
          ],
        )
      }).pipe(Effect.scoped),
    )

    test(
      "submits a row again that it had submitted before it died, which changes nothing",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* Outbox.submit("a", { n: 1 })
        const answered = yield* Deferred.make<void>()
        const dying: Runs.Runs["Type"] = {
          ...runs,
          submitMany: (submissions) =>
            Effect.zipRight(
              Effect.tap(runs.submitMany(submissions), () => Deferred.succeed(answered, undefined)),
              Effect.never,
            ),
        }
        const first = yield* Effect.forkScoped(Effect.provideService(Relay.run(), Runs.Runs, dying))
        yield* Deferred.await(answered)
        yield* Fiber.interrupt(first)
        strictEqual((yield* rowsIn("runlease_outbox")).length, 1)
        yield* Effect.forkScoped(Relay.run())
        yield* untilEmpty
        deepStrictEqual([yield* agentsOf, yield* rowsIn("runlease_outbox_refused")], [["a"], []])
      }).pipe(Effect.scoped),
    )

    test(
      "waits while the control plane is away, and ends where it refuses the caller",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        let answer: "away" | "refused" | "there" = "away"
        let calls = 0
        const flaky: Runs.Runs["Type"] = {
          ...runs,
          submitMany: (submissions) =>
            Effect.suspend(() => {
              calls += 1
              if (calls > 2 && answer === "away") answer = "refused"
              switch (answer) {
                case "away":
                  return Effect.fail(
                    new ControlPlaneUnavailable.ControlPlaneUnavailable({
                      operation: "Runs.submitMany",
                      message: "The server is away",
                    }),
                  )
                case "refused":
                  return Effect.fail(
                    new ControlPlaneError.ControlPlaneRefused({
                      operation: "Runs.submitMany",
                      message: "The key was revoked",
                    }),
                  )
                case "there":
                  return runs.submitMany(submissions)
              }
            }),
        }
        const id = yield* Outbox.submit("a", {})
        const error = yield* Effect.flip(Effect.provideService(Relay.run(), Runs.Runs, flaky))
        deepStrictEqual([error._tag, calls], ["ControlPlaneRefused", 3])
        deepStrictEqual(yield* rowsIn("runlease_outbox"), [id])
        answer = "there"
        yield* Effect.forkScoped(Effect.provideService(Relay.run(), Runs.Runs, flaky))
        yield* untilEmpty
        strictEqual((yield* runs.get(Ids.RunId.make(id))).agentId, "a")
      }).pipe(Effect.scoped),
    )
  })
}
