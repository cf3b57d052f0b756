import { NodeContext } from "@effect/platform-node"
import * as SqlClient from "@effect/sql/SqlClient"
import { expect, it } from "@effect/vitest"
import { Relay, SqliteFile } from "@runlease/sql"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { room, run, start } from "./Processes.js"

const rows = 600

it.scopedLive("relay submits the rows of a database elsewhere, each once, although it is killed", () =>
  Effect.gen(function* () {
    const { cwd, env } = yield* room
    const file = join(cwd, "app.sqlite")
    const missing = yield* run(["relay", "--from", `sqlite:${file}`], { cwd, env })
    expect([missing.code, missing.stderr]).toEqual([64, expect.stringContaining(`There is no file ${file}`)])

    const application = yield* Layer.build(SqliteFile.layerWith({ filename: file }))
    const left = yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Relay.tables
      yield* sql.withTransaction(
        Effect.forEach(
          Array.from({ length: rows }, (_, nth) => nth),
          (nth) =>
            sql`INSERT INTO runlease_outbox (submission) VALUES (${JSON.stringify({ agent: "echo", text: `${nth}` })})`,
          { discard: true },
        ),
      )
      return Effect.map(
        sql<{ readonly n: number }>`SELECT count(*) AS n FROM runlease_outbox`,
        ([row]) => row!.n,
      )
    }).pipe(Effect.provide(application))

    const relay = start(["relay", "--from", `sqlite:${file}`], { cwd, env })
    const first = yield* relay
    yield* Effect.repeat(left, { until: (n) => n < rows })
    yield* first.signal("SIGKILL")
    yield* first.ended
    const second = yield* relay
    yield* Effect.repeat(Effect.delay(left, "20 millis"), { until: (n) => n === 0 })
    yield* second.signal("SIGTERM")
    expect((yield* second.ended).code).toBe(0)

    const runs = yield* Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql<{ readonly n: number }>`SELECT count(*) AS n FROM runs`,
    ).pipe(Effect.provide(SqliteFile.layerWith({ filename: join(cwd, ".runlease/runlease.sqlite") })))
    expect(runs).toEqual([{ n: rows }])
  }).pipe(Effect.provide(NodeContext.layer)),
)
