/**
 * Schedules of two servers that share a PostgreSQL database.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Runs, Schedules } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Context, DateTime, Effect, Layer, type Redacted, TestClock } from "effect"
import { SqlControlPlane, StoreTime } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const server = (url: Redacted.Redacted) =>
  Layer.build(
    Layer.provide(
      SqlControlPlane.layerPostgres({ url, maxConnections: 3 }),
      Layer.succeed(StoreTime.StoreTime, "clock"),
    ),
  )

describe("schedules of two servers", () => {
  it.scoped("tick once each, whichever server is first", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const [a, b] = yield* Effect.all([server(url), server(url)])
      const ids = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, index) => index),
        (index) =>
          Effect.map(
            Context.get(index % 2 === 0 ? a : b, Schedules.Schedules).create({
              name: `schedule ${index}`,
              target: { kind: "agent", id: "agent" },
              schedule: "* * * * *",
              concurrencyPolicy: "Allow",
            }),
            ({ id }) => id,
          ),
      )
      const { get } = Context.get(a, Schedules.Schedules)
      const upToDate = (tick: number) =>
        TestRuns.eventually(
          Effect.forEach(ids, get),
          (all) => all.every(({ nextNominal }) => DateTime.toEpochMillis(nextNominal!) > tick * 60_000),
          { step: "5 seconds", within: "2 minutes" },
        ).pipe(Effect.provide(a))
      yield* TestClock.adjust("59 seconds")
      for (const tick of [1, 2, 3]) {
        yield* TestClock.adjust("5 seconds")
        yield* upToDate(tick)
        yield* TestClock.adjust("50 seconds")
      }
      const schedules = yield* Effect.forEach(ids, get)
      const counts = yield* PostgresDatabase.ask<{ readonly runs: string }>(
        url,
        `SELECT count(*)::text AS runs FROM runs`,
      )
      const ran = schedules.reduce((sum, { runCount }) => sum + runCount, 0)
      strictEqual(Number(counts[0]?.runs), ran)
      deepStrictEqual(new Set(schedules.map(({ runCount, skipped }) => runCount + skipped.missed)).size, 1)
      strictEqual(ran >= 120, true, `${ran} runs`)
      strictEqual((yield* Context.get(b, Runs.Runs).list({ limit: 1 })).items.length, 1)
    }),
  )

  it.scoped("have one set of schedules of a source, though both apply it at once", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const [a, b] = yield* Effect.all([server(url), server(url)])
      const apply = (ports: typeof a) =>
        Context.get(ports, Schedules.Schedules).apply({
          source: "deploy",
          schedules: ["x", "y"].map((key) => ({
            key,
            name: key,
            target: { kind: "agent", id: "agent" },
            schedule: "0 9 * * *",
          })),
        })
      const applied = yield* Effect.all([apply(a), apply(b)], { concurrency: 2 })
      deepStrictEqual(
        applied
          .flat()
          .map(({ action }) => action)
          .toSorted(),
        ["created", "created", "unchanged", "unchanged"],
      )
      strictEqual((yield* Context.get(a, Schedules.Schedules).list()).items.length, 2)
    }),
  )
})
