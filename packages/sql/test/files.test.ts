import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, Runs } from "@runlease/core"
import { Effect, Layer, Logger } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const submit = Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId: Ids.AgentId.make("agent") }))

/** The permissions of each file of a folder. */
const modesIn = (folder: string) =>
  Object.fromEntries(
    fs
      .readdirSync(folder)
      .map((name) => [name, (fs.statSync(path.join(folder, name)).mode & 0o777).toString(8)]),
  )

/** Runs the effect and returns the messages that it logs. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.as(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), lines)
  })

describe("the files of a database", () => {
  it.scoped("are readable by their owner alone", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      yield* Effect.gen(function* () {
        yield* submit
        deepStrictEqual(modesIn(folder), { "runs.db": "600", "runs.db-shm": "600", "runs.db-wal": "600" })
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") })))
    }),
  )

  it.scoped("keep their mode, and a warning is logged when every user may read them", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const filename = path.join(folder, "runs.db")
      const open = Effect.scoped(Layer.build(Layer.fresh(SqlControlPlane.layerSqlite({ filename }))))
      deepStrictEqual(yield* logged(open), [])
      fs.chmodSync(filename, 0o640)
      deepStrictEqual(yield* logged(open), [])
      fs.chmodSync(filename, 0o644)
      const [line] = yield* logged(open)
      strictEqual(
        line,
        `${filename} can be read by every user of this machine; keep it to its owner with: chmod 600 ${filename}*`,
      )
      deepStrictEqual(modesIn(folder), { "runs.db": "644" })
    }),
  )
})
