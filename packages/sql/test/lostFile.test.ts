import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, ControlPlaneUnavailable, Ids, Runs } from "@runlease/core"
import { Effect, Layer, Schedule } from "effect"
import * as fs from "node:fs"
import { SqlControlPlane, SqliteFile } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const submit = Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId: Ids.AgentId.make("agent") }))
const ready = Effect.flatMap(ControlPlane.ControlPlane, (controlPlane) => controlPlane.ready)

/** Repeats until the control plane is ready, or until it is not. */
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

/** Declares a test that removes the file under a control plane, which must refuse writes and still read. */
const refuses = (title: string, remove: (filename: string) => void) =>
  it.scopedLive(title, () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { run } = yield* submit
        yield* ready
        remove(filename)
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

describe("a control plane whose file is removed", () => {
  refuses("by deletion refuses writes and is not ready", (filename) => fs.rmSync(filename))

  refuses("by deletion with its -wal and -shm files refuses writes and is not ready", (filename) => {
    for (const end of ["", "-wal", "-shm"]) fs.rmSync(`${filename}${end}`)
  })

  refuses("by a rename of its folder refuses writes and is not ready", (filename) =>
    fs.renameSync(filename.replace(/\/[^/]+$/, ""), `${filename.replace(/\/[^/]+$/, "")}-away`),
  )

  refuses("by replacement with a copy refuses writes and is not ready", (filename) => {
    fs.copyFileSync(filename, `${filename}.copy`)
    fs.renameSync(`${filename}.copy`, filename)
  })

  refuses(
    "by deletion of its -wal, which has the last commits, refuses writes and is not ready",
    (filename) => fs.rmSync(`${filename}-wal`),
  )

  it.scopedLive("and restored continues with all its data", () =>
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

  it.scopedLive("under a link is ready while the link points to the same file", () =>
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

  it.scopedLive("in memory has no file to lose", () =>
    Effect.gen(function* () {
      yield* submit
      yield* ready
    }).pipe(
      Effect.provide(
        SqlControlPlane.layer.pipe(Layer.provide(SqliteFile.layerWith({ filename: ":memory:" }))),
      ),
    ),
  )
})
