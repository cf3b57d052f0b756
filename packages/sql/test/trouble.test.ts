import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlaneUnavailable, Ids, RunLog, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Effect, Either, Layer } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as readline from "node:readline"
import { fileURLToPath } from "node:url"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { SqlControlPlane, SqliteFile } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const agentId = Ids.AgentId.make("agent")

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url)

const submit = Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId }))

/** The error of `effect`, which must be `ControlPlaneUnavailable`. */
const refusal = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable
      ? Effect.succeed(error)
      : Effect.dieMessage(`Refused with ${error._tag}`),
  )

/** All runs; checks that the log of each has as many entries as its run says. */
const soundRuns = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const ids: Array<string> = []
  let cursor: string | undefined
  do {
    const page = yield* runs.list({ limit: 100, cursor })
    for (const run of page.items) {
      ids.push(run.runId)
      strictEqual((yield* log.read({ runId: run.runId })).length, Number(run.latestEventId))
    }
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return ids.toReversed()
})

/** A control plane and its connection. */
const opened = (filename: string) =>
  SqlControlPlane.layer.pipe(Layer.provideMerge(SqliteFile.layerWith({ filename })))

describe("a database in trouble", () => {
  it.scopedLive("locked by another process refuses writes, still reads, and recovers afterwards", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const { run } = yield* submit
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [fileURLToPath(fixture("locker.mjs")), filename], {
              stdio: ["pipe", "pipe", "inherit"],
            }),
          ),
          (locker) => Effect.sync(() => locker.kill("SIGKILL")),
        )
        yield* Effect.promise(() => once(child.stdout, "data"))
        const [error, ids] = yield* Effect.all([refusal(submit), soundRuns], { concurrency: 2 })
        assertTrue(error.message.startsWith("The database is locked by another process"))
        assertTrue(error.retryable)
        deepStrictEqual(ids, [run.runId])

        const gone = once(child, "exit")
        child.stdin.end()
        yield* Effect.promise(() => gone)
        const after = yield* submit
        deepStrictEqual(yield* soundRuns, [run.runId, after.run.runId])
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )

  it.scopedLive(
    "that is full refuses whole requests, stores the others, and continues once there is room",
    () =>
      Effect.gen(function* () {
        const filename = yield* TempDatabase.filename
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const log = yield* RunLog.RunLog
          const runs = yield* Runs.Runs
          const runId = Ids.RunId.make("driven")
          yield* runs.submit({ agentId, publicId: runId, initialStatus: "running" })
          const append = log.append({
            runId,
            events: Array.from({ length: 3 }, () => ({ type: "CUSTOM", name: "n", value: "x".repeat(3000) })),
          })
          const [size] = yield* sql<{ readonly page_count: number }>`PRAGMA page_count`
          yield* sql.unsafe(`PRAGMA max_page_count = ${size!.page_count + 20}`)
          const acknowledged: Array<string> = [runId]
          let events = 1
          let error: ControlPlaneUnavailable.ControlPlaneUnavailable | undefined
          while (error === undefined) {
            // Many requests in one commit; those that fit are stored.
            const [submitted, appended] = yield* Effect.all(
              [
                Effect.all([submit, submit, submit].map(Effect.either), { concurrency: 3 }),
                Effect.either(append),
              ],
              { concurrency: 2 },
            )
            for (const verdict of submitted) {
              if (Either.isRight(verdict)) acknowledged.push(verdict.right.run.runId)
              else if (verdict.left._tag === "ControlPlaneUnavailable") error = verdict.left
            }
            if (Either.isRight(appended)) events += appended.right.appendedCount
            else if (appended.left._tag === "ControlPlaneUnavailable") error = appended.left
          }
          assertTrue(error.message.startsWith("There is no room left for the database"))
          assertTrue(error.retryable)
          deepStrictEqual(new Set(yield* soundRuns), new Set(acknowledged))
          strictEqual(Number((yield* runs.get(runId)).latestEventId), events)

          yield* sql.unsafe("PRAGMA max_page_count = 1073741823")
          acknowledged.push((yield* submit).run.runId)
          events += (yield* append).appendedCount
          deepStrictEqual(new Set(yield* soundRuns), new Set(acknowledged))
          strictEqual(Number((yield* runs.get(runId)).latestEventId), events)
        }).pipe(Effect.provide(opened(filename)))
      }),
  )

  it.scopedLive("whose disk refuses a write reports it, and loses no acknowledged data", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      // The file exists first, so that the limit is reached in the middle of the work.
      yield* Effect.scoped(Layer.build(SqlControlPlane.layerSqlite({ filename })))
      // Any write that grows the file beyond the limit is refused.
      const child = yield* Effect.acquireRelease(
        Effect.map(
          Effect.promise(() => Bundle.fixture(fixture("filler.ts"))),
          (filler) =>
            spawn("sh", ["-c", 'ulimit -f 2048 && exec "$0" "$@"', process.execPath, filler, filename], {
              stdio: ["ignore", "pipe", "inherit"],
            }),
        ),
        (filler) => Effect.sync(() => filler.kill("SIGKILL")),
      )
      const exit = once(child, "exit")
      const lines = yield* Effect.promise(async () => {
        const lines: Array<string> = []
        for await (const line of readline.createInterface(child.stdout)) lines.push(line)
        return lines
      })
      deepStrictEqual(yield* Effect.promise(() => exit), [0, null])
      strictEqual(lines.at(-1), "holds 1")
      assertTrue(/^ControlPlaneUnavailable: (The disk of|There is no room)/.test(lines.at(-2)!))
      const acknowledged = lines.slice(0, -2)
      assertTrue(acknowledged.length > 10)
      yield* Effect.gen(function* () {
        deepStrictEqual(yield* soundRuns, acknowledged)
        yield* submit
        strictEqual((yield* soundRuns).length, acknowledged.length + 1)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )

  /** A closed database with one run, some bytes of which `damage` overwrites. */
  const damaged = (
    damage: (rootOf: (table: string) => number, pageSize: number) => readonly [number, number],
  ) =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const { pages, run } = yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { run } = yield* Effect.flatMap(Runs.Runs, (runs) =>
          runs.submit({ agentId, initialStatus: "running" }),
        )
        const roots = yield* sql<{ readonly name: string; readonly rootpage: number }>`
          SELECT name, rootpage FROM sqlite_master WHERE type = 'table'`
        const [size] = yield* sql<{ readonly page_size: number }>`PRAGMA page_size`
        return { run, pages: { roots, size: size!.page_size } }
      }).pipe(Effect.provide(opened(filename)))
      const [from, length] = damage(
        (table) => pages.roots.find(({ name }) => name === table)!.rootpage,
        pages.size,
      )
      const file = fs.openSync(filename, "r+")
      fs.writeSync(file, Buffer.alloc(length, 0xa5), 0, length, from)
      fs.closeSync(file)
      return { filename, runId: run.runId }
    })

  it.scopedLive("damaged at its beginning is reported when it opens", () =>
    Effect.gen(function* () {
      const { filename } = yield* damaged((_, pageSize) => [100, pageSize - 100])
      const error = yield* Effect.flip(Layer.build(SqlControlPlane.layerSqlite({ filename })))
      assertTrue(/ is not an SQLite database, or is damaged|The database is damaged/.test(error.message))
    }),
  )

  it.scopedLive("damaged in one page reports it where that page is read, and serves the rest", () =>
    Effect.gen(function* () {
      const { filename, runId } = yield* damaged((rootOf, pageSize) => [
        (rootOf("events") - 1) * pageSize,
        pageSize,
      ])
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const log = yield* RunLog.RunLog
        const unread = yield* refusal(log.read({ runId }))
        assertTrue(unread.message.startsWith("The database is damaged; restore a back-up"))
        assertTrue(!unread.retryable)
        const unwritten = yield* refusal(runs.complete(runId, { status: "completed" }))
        assertTrue(!unwritten.retryable)
        strictEqual((yield* runs.get(runId)).status, "running")
        strictEqual(yield* TestRuns.verdictOf(submit), "Succeeded")
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )
})
