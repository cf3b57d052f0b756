import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, ControlPlaneUnavailable, Ids, Runs } from "@runlease/core"
import { Effect, Layer, Schedule } from "effect"
import * as fs from "node:fs"
import { SqlControlPlane, SqliteFile } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const submit = Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId: Ids.AgentId.make("agent") }))
const ready = Effect.flatMap(ControlPlane.ControlPlane, (controlPlane) => controlPlane.ready)

/** Looks until the control plane is ready, or is not any more. */
const untilReady = (is: boolean) =>
  Effect.repeat(Effect.isSuccess(ready), {
    until: (now) => now === is,
    schedule: Schedule.spaced("5 millis"),
  })

const refusal = Effect.flatMap(Effect.flip(submit), (error) =>
  error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable
    ? Effect.succeed(error)
    : Effect.dieMessage(`Refused with ${error._tag}`),
)

/** Declares a test that takes the file away under a control plane, which must refuse writes and go on reading. */
const refuses = (title: string, takeAway: (filename: string) => void) =>
  it.scopedLive(title, () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { run } = yield* submit
        yield* ready
        takeAway(filename)
        yield* untilReady(false)
        const error = yield* refusal
        assertTrue(error.message.startsWith(`The database file ${filename}`))
        assertTrue(error.message.includes("restore a back-up"))
        assertTrue(error.retryable)
        assertTrue(error.detail !== undefined && !error.detail.includes(filename))
        deepStrictEqual(yield* runs.get(run.runId), run)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )

describe("a control plane whose file is taken away", () => {
  refuses("by deleting it refuses writes and is not ready", (filename) => fs.rmSync(filename))

  refuses("by deleting all that belongs to it refuses writes and is not ready", (filename) => {
    for (const end of ["", "-wal", "-shm"]) fs.rmSync(`${filename}${end}`)
  })

  refuses("with its folder refuses writes and is not ready", (filename) =>
    fs.renameSync(filename.replace(/\/[^/]+$/, ""), `${filename.replace(/\/[^/]+$/, "")}-away`),
  )

  refuses("by putting another one in its place refuses writes and is not ready", (filename) => {
    fs.copyFileSync(filename, `${filename}.copy`)
    fs.renameSync(`${filename}.copy`, filename)
  })

  refuses("by deleting its -wal, where the last commits are, refuses writes and is not ready", (filename) =>
    fs.rmSync(`${filename}-wal`),
  )

  it.scopedLive("and put back goes on, with all that it had", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const first = yield* submit
        fs.renameSync(filename, `${filename}.away`)
        yield* untilReady(false)
        yield* refusal
        fs.renameSync(`${filename}.away`, filename)
        yield* untilReady(true)
        const second = yield* submit
        const { items } = yield* Effect.flatMap(Runs.Runs, (runs) => runs.list())
        deepStrictEqual(
          items.map(({ runId }) => runId),
          [second.run.runId, first.run.runId],
        )
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
      strictEqual(
        (yield* Effect.flatMap(Runs.Runs, (runs) => runs.list()).pipe(
          Effect.provide(SqlControlPlane.layerSqlite({ filename })),
        )).items.length,
        2,
      )
    }),
  )

  it.scopedLive("is told from one that is still there under the name of a link", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const link = `${filename}.link`
      yield* Effect.scoped(Layer.build(SqlControlPlane.layerSqlite({ filename })))
      fs.symlinkSync(filename, link)
      yield* Effect.gen(function* () {
        yield* submit
        fs.rmSync(link)
        yield* untilReady(false)
        fs.symlinkSync(filename, link)
        yield* untilReady(true)
        fs.rmSync(`${filename}-wal`)
        yield* untilReady(false)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename: link })))
    }),
  )

  it.scopedLive("has none in memory", () =>
    Effect.gen(function* () {
      yield* submit
      yield* ready
    }).pipe(
      Effect.provide(SqlControlPlane.layer.pipe(Layer.provide(SqliteFile.layer({ filename: ":memory:" })))),
    ),
  )
})
