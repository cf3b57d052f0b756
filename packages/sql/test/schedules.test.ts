import { SqliteClient } from "@effect/sql-sqlite-node"
import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Runs, Schedules } from "@runlease/core"
import * as TestSchedules from "@runlease/testkit/schedules/TestSchedules"
import { DateTime, Effect, TestClock } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

describe("a schedule of an older version whose payload is larger than one may be", () => {
  it.scoped("can be renamed, and is filled up to a number of bytes", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const input = "x".repeat(32 * 1024 * 1024)
      yield* Effect.gen(function* () {
        const schedules = yield* Schedules.Schedules
        const { id } = yield* TestSchedules.create({ schedule: "every 1m", config: { input: "small" } })
        yield* schedules.pause(id)
        yield* TestClock.adjust("5 minutes")
        yield* SqlClient.SqlClient.pipe(
          Effect.flatMap(
            (sql) => sql`UPDATE schedules SET body = json_set(body, '$.config.input', ${input})`,
          ),
          Effect.provide(SqliteClient.layer({ filename })),
        )
        strictEqual((yield* schedules.update(id, { name: "Large" })).name, "Large")
        const request = { from: DateTime.unsafeMake(60_000), to: DateTime.unsafeMake(300_000 - 1) }
        const filled = yield* schedules.backfill(id, request)
        deepStrictEqual([filled.ticks.length, filled.more], [2, true])
        const { snapshot } = yield* Runs.Runs
        strictEqual((yield* snapshot(TestSchedules.runId(id, 2))).input, input)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )
})

describe("a backfill of large payloads", () => {
  it.scoped("goes on in parts of bytes, between which other requests go", () =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const { id } = yield* TestSchedules.create({ config: { input: "x".repeat(60_000) } })
      yield* schedules.pause(id)
      yield* TestClock.adjust("9 minutes")
      const request = { from: DateTime.unsafeMake(60_000), to: DateTime.unsafeMake(540_000 - 1) }
      const changed = schedules.update(id, { config: { input: "changed" } })
      const [filled] = yield* Effect.all([schedules.backfill(id, request), changed], {
        concurrency: "unbounded",
      })
      const { snapshot } = yield* Runs.Runs
      const inputs = yield* Effect.forEach(filled.ticks, ({ runId }) =>
        Effect.map(snapshot(runId), ({ input }) => input),
      )
      deepStrictEqual(
        inputs.map((input) => input === "changed"),
        [false, false, false, false, true, true, true, true],
      )
    }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename: ":memory:" }))),
  )
})
