import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, RequestSnapshot, Runs } from "@runlease/core"
import { TestThreads } from "@runlease/testkit"
import Sqlite from "better-sqlite3"
import { Deferred, Effect, Layer, Queue } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as readline from "node:readline"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { SqlControlPlane, SqliteFile } from "../src/index.js"
import * as Checkpoints from "../src/sqlite/Checkpoints.js"
import * as TempDatabase from "./TempDatabase.js"

const agentId = Ids.AgentId.make("agent")
const payloadBytes = 100_000
const snapshot = RequestSnapshot.fromText("x".repeat(payloadBytes))

const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** A control plane and its connection. */
const opened = (filename: string) =>
  SqlControlPlane.layer.pipe(Layer.provideMerge(SqliteFile.layerWith({ filename })))

/** A value of the connection that writes. */
const pragma = (name: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(sql.unsafe<Record<string, number>>(`PRAGMA ${name}`), ([row]) => Object.values(row!)[0]),
  )

const writers = 8

/** Submits runs without a pause until `bytes` are written. Gives their ids, and the largest size of the -wal. */
const write = (filename: string, bytes: number) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const ids: Array<string> = []
    let largest = 0
    let left = Math.ceil(bytes / payloadBytes)
    const writer = Effect.gen(function* () {
      while (left > 0) {
        left -= 1
        const { run } = yield* runs.submit({ agentId, snapshot })
        ids.push(run.runId)
        largest = Math.max(largest, sizeOf(`${filename}-wal`))
      }
    })
    yield* Effect.replicateEffect(writer, writers, { concurrency: writers, discard: true })
    return { ids, largest }
  })

/** The largest -wal when commits wait for a checkpoint: the last commit may pass the limit. */
const bound = Checkpoints.maxBytes + 2 * writers * payloadBytes

const mega = 1_000_000

const interval = Checkpoints.interval * 4096

/** Every run of the file, by its id, once the file has passed SQLite's own check. */
const storedIds = (filename: string): Effect.Effect<Set<string>> =>
  Effect.sync(() => {
    const database = new Sqlite(filename, { readonly: true })
    try {
      strictEqual(database.pragma("integrity_check", { simple: true }), "ok")
      return new Set(database.prepare<[], string>("SELECT run_id FROM runs").pluck().all())
    } finally {
      database.close()
    }
  })

const missing = (ids: ReadonlyArray<string>, stored: ReadonlySet<string>) =>
  ids.filter((id) => !stored.has(id))

/** A process that the Scope kills at the latest. */
const start = (name: string, filename: string) =>
  Effect.acquireRelease(
    Effect.map(
      Effect.promise(() => Bundle.fixture(new URL(`fixtures/${name}`, import.meta.url))),
      (program) => spawn(process.execPath, [program, filename], { stdio: ["ignore", "pipe", "inherit"] }),
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL")),
  )

describe("checkpoints of an SQLite file", () => {
  it.scopedLive("bound the -wal under a writer that never pauses, and are no commits", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const threads = yield* TestThreads.started
      yield* Effect.gen(function* () {
        const version = yield* pragma("data_version")
        const { largest } = yield* write(filename, 2 * Checkpoints.maxBytes)
        assertTrue(largest <= bound, `the -wal had ${largest} bytes`)
        strictEqual(yield* Queue.size(threads), 1)
        strictEqual(yield* pragma("wal_autocheckpoint"), 0)
        strictEqual(yield* pragma("data_version"), version)
      }).pipe(Effect.provide(opened(filename)))
    }),
  )

  it.scopedLive("let a writer go on while a reader keeps the -wal, which is cut afterwards", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const before = yield* write(filename, mega)
        const reader = yield* Effect.acquireRelease(
          Effect.sync(() => new Sqlite(filename, { readonly: true })),
          (open) => Effect.sync(() => open.close()),
        )
        reader.exec("BEGIN")
        const count = reader.prepare<[], number>("SELECT count(*) FROM runs").pluck()
        strictEqual(count.get(), before.ids.length)
        const { largest } = yield* write(filename, Checkpoints.maxBytes + interval)
        assertTrue(largest > bound)
        strictEqual(count.get(), before.ids.length)
        reader.exec("COMMIT")
        yield* write(filename, 2 * interval)
        assertTrue(sizeOf(`${filename}-wal`) <= bound)
      }).pipe(Effect.provide(opened(filename)))
    }),
  )

  it.scopedLive("start no thread before one is due", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const threads = yield* TestThreads.started
      yield* Effect.provide(write(filename, interval / 2), opened(filename))
      strictEqual(yield* Queue.size(threads), 0)
    }),
  )

  it.scopedLive("end with the Scope, which leaves all in the file", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const threads = yield* TestThreads.started
      const log = yield* TestThreads.logged
      const ended = yield* Deferred.make<number>()
      const { ids } = yield* Effect.gen(function* () {
        const written = yield* write(filename, 2 * interval)
        const thread = yield* Queue.take(threads)
        thread.once("exit", (code) => Deferred.unsafeDone(ended, Effect.succeed(code)))
        return written
      }).pipe(Effect.provide(opened(filename)), Effect.provide(log.layer))
      assertTrue(yield* Deferred.isDone(ended))
      strictEqual(yield* Queue.size(log.lines), 0)
      assertTrue(!fs.existsSync(`${filename}-wal`))
      deepStrictEqual(yield* storedIds(filename), new Set(ids))
    }),
  )

  it.scopedLive("let the process end", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const child = yield* start("closer.ts", filename)
      const printed: Array<string> = []
      child.stdout.on("data", (chunk) => printed.push(String(chunk)))
      deepStrictEqual(yield* Effect.promise(() => once(child, "close")), [0, null])
      // No warning that it was the event loop that made the checkpoints.
      deepStrictEqual(printed, [])
      assertTrue(!fs.existsSync(`${filename}-wal`))
      strictEqual((yield* storedIds(filename)).size, 400)
    }),
  )

  it.scopedLive("are made by commits once the thread has died, and the log says so", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const threads = yield* TestThreads.started
      const log = yield* TestThreads.logged
      yield* Effect.gen(function* () {
        const before = yield* write(filename, 2 * interval)
        const thread = yield* Queue.take(threads)
        yield* Effect.promise(() => thread.terminate())
        assertTrue(
          (yield* Queue.take(log.lines)).startsWith(`Checkpoints of ${filename} are made on the event loop`),
        )
        strictEqual(yield* pragma("wal_autocheckpoint"), Checkpoints.interval)
        const after = yield* write(filename, 2 * interval)
        strictEqual(yield* Queue.size(threads), 0)
        // No commit has left more than an interval in the -wal.
        const moved = sizeOf(filename)
        assertTrue(moved > (before.ids.length + after.ids.length) * payloadBytes - interval - mega)
      }).pipe(Effect.provide(opened(filename)), Effect.provide(log.layer))
    }),
  )

  it.scopedLive("that fail hold up no commit", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const log = yield* TestThreads.logged
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new Sqlite(filename)),
        (open) => Effect.sync(() => open.close()),
      )
      database.pragma("journal_mode = WAL")
      const { look, room } = yield* Effect.provide(
        Checkpoints.make(database, { filename, synchronous: "normal" }),
        log.layer,
      )
      database.exec("CREATE TABLE payloads (payload BLOB)")
      database.prepare("INSERT INTO payloads VALUES (zeroblob(?))").run(Checkpoints.maxBytes)
      // The thread finds no file to open.
      fs.renameSync(filename, `${filename}.away`)
      look()
      const order: Array<string> = []
      const hold = Effect.map(room, () => void order.push("room"))
      const warning = Effect.map(Queue.take(log.lines), (line) => void order.push(line))
      yield* Effect.all([hold, Effect.sync(() => order.push("held")), warning], { concurrency: 3 })
      strictEqual(order[0], "held")
      deepStrictEqual(
        new Set(order.slice(1)),
        new Set([
          "room",
          `Checkpoints of ${filename} are made on the event loop from now on: SqliteError: unable to open database file`,
        ]),
      )
      strictEqual(database.pragma("wal_autocheckpoint", { simple: true }), Checkpoints.interval)
    }),
  )

  it.scopedLive("lose nothing that was acknowledged when the process is killed during one", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const child = yield* start("filler.ts", filename)
      const ids: Array<string> = []
      let first: number | undefined
      const lines = readline.createInterface(child.stdout)
      lines.on("line", (line) => {
        ids.push(line)
        const size = sizeOf(filename)
        first ??= size
        // The file grows with a checkpoint alone.
        if (size > first) child.kill("SIGKILL")
      })
      yield* Effect.promise(() => once(lines, "close"))
      assertTrue(child.killed)
      assertTrue(sizeOf(`${filename}-wal`) > interval)
      const stored = yield* storedIds(filename)
      deepStrictEqual(missing(ids, stored), [])
      // A commit may be there whose acknowledgement was not written.
      assertTrue(stored.size <= ids.length + 1)
    }),
  )

  it.scopedLive("bound the -wal of a file that two processes write", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const own = yield* Effect.gen(function* () {
        yield* write(filename, mega)
        const child = yield* start("filler.ts", filename)
        const ids: Array<string> = []
        const lines = readline.createInterface(child.stdout)
        lines.on("line", (line) => void ids.push(line))
        yield* Effect.promise(() => once(lines, "line"))
        const { ids: written, largest } = yield* write(filename, 2 * Checkpoints.maxBytes)
        const closed = once(lines, "close")
        child.kill("SIGKILL")
        yield* Effect.promise(() => closed)
        assertTrue(largest <= bound + mega, `the -wal had ${largest} bytes`)
        return [...written, ...ids]
      }).pipe(Effect.provide(opened(filename)))
      deepStrictEqual(missing(own, yield* storedIds(filename)), [])
    }),
  )
})
