import { SqlClient } from "@effect/sql/SqlClient"
import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Ids } from "@runlease/core"
import { Migrations, PostgresPool } from "@runlease/sql"
import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { Array, Clock, Console, Effect, Fiber, Redacted, Schedule, Schema } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import { connect, submit, until, wholeLog } from "./FaultRoom.js"
import { folder, has, json, start } from "./Processes.js"
import * as Searches from "../../testkit/test/Searches.js"

const executor = Effect.promise(() => Bundle.fixture(new URL("fixtures/noted.ts", import.meta.url)))
const apiKey = "rlk_fleet"

const Note = Schema.Struct({
  what: Schema.Literal("begun", "ended"),
  at: Schema.Number,
  run: Schema.String,
  epoch: Schema.Number,
  worker: Schema.String,
})
type Note = typeof Note.Type

const decodeNote = Schema.decodeSync(Schema.parseJson(Note))

/** Starts a server on the database, on a free port or on a given one. */
const startServer = Effect.fnUntraced(function* (cwd: string, database: string, port = "0") {
  const process = yield* start(["serve", "--port", port, "--json"], {
    cwd,
    env: { RUNLEASE_DATABASE: database, RUNLEASE_API_KEY: apiKey },
  })
  const ready = json(yield* process.line(() => true))
  const url = String(ready["url"])
  return { process, url, port: new URL(url).port, readyAt: yield* Clock.currentTimeMillis }
})

const startWorker = Effect.fnUntraced(function* (cwd: string, url: string, key: string) {
  const process = yield* start(
    ["worker", "--json", "--module", yield* executor, "--concurrency", "4", "--lease", "10s", "--key", key],
    { cwd, env: { RUNLEASE_URL: url, RUNLEASE_API_KEY: apiKey, NOTES: `${cwd}/notes` } },
  )
  const registered = json(yield* process.line(has({ event: "registered" })))
  return { process, url, id: String(registered["worker_id"]) }
})

/** The runs that a worker began and has not yet ended. */
const heldBy = (worker: string, notes: ReadonlyArray<Note>) =>
  notes.filter(
    (note) =>
      note.worker === worker &&
      note.what === "begun" &&
      !notes.some(({ epoch, run, what }) => what === "ended" && run === note.run && epoch === note.epoch),
  )

/** What a later version may do to the tables while this version runs: it adds, and removes nothing. */
const nextMigration = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE credentials ADD COLUMN next TEXT`
  yield* sql`ALTER TABLE workers ADD COLUMN next BIGINT`
  yield* sql`ALTER TABLE conversations ADD COLUMN next TEXT`
  yield* sql`ALTER TABLE runs ADD COLUMN next INTEGER NOT NULL DEFAULT 0`
  for (const table of ["inputs", "queue", "leases", "waits", "outcomes"]) {
    yield* sql`ALTER TABLE ${sql(table)} ADD COLUMN next TEXT`
  }
  yield* sql`ALTER TABLE events ADD COLUMN next TEXT`
  yield* sql`CREATE INDEX runs_next ON runs (next, run_pk) WHERE next > 0`
  yield* sql`CREATE TABLE nexts (run_pk BIGINT PRIMARY KEY REFERENCES runs (run_pk))`
})

/** Migrates the database as a server of the later version does when it starts. */
const migrateToNext = (database: string) =>
  Migrations.apply({ ...Migrations.all, "9999_Next": nextMigration }).pipe(
    Effect.provide(
      PostgresPool.layerWith({ url: Redacted.make(database), maxConnections: 1, statementTimeout: 0 }),
    ),
  )

layer(NodeContext.layer, { excludeTestServices: true })("a fleet on one database", (it) => {
  it.scoped.runIf(Searches.plays("fleet"))(
    "shares the runs evenly and ends each once, through killed servers and workers and a rolling upgrade",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const cwd = yield* folder
        const database = yield* TestDatabase.make()
        const all = { concurrency: "unbounded" } as const

        const servers = yield* Effect.all(
          [1, 2, 3].map(() => startServer(cwd, database)),
          all,
        )
        const ports = yield* Effect.forEach(servers, ({ url }) =>
          connect({ RUNLEASE_URL: url, RUNLEASE_API_KEY: apiKey }),
        )
        const workers = yield* Effect.all(
          servers.flatMap(({ url }, server) =>
            [1, 2].map((n) => startWorker(cwd, url, `worker-${server + 1}-${n}`)),
          ),
          all,
        )

        const notes = Effect.map(
          Effect.orElseSucceed(fs.readFileString(path.join(cwd, "notes")), () => ""),
          (text): ReadonlyArray<Note> =>
            text
              .split("\n")
              .slice(0, -1)
              .map((line) => decodeNote(line)),
        )
        const endings = Effect.map(notes, (all) => all.filter(({ what }) => what === "ended"))
        const runIds: Array<Ids.RunId> = []
        const feed = (count: number, by = ports) =>
          Effect.forEach(
            Array.range(0, count - 1),
            (n) => {
              const runId = Ids.RunId.make(`run-${runIds.length + 1}`)
              runIds.push(runId)
              return Effect.retry(submit(by[n % by.length]!, runId), { times: 5 })
            },
            { concurrency: 16, discard: true },
          )

        const fed = (count: number, by = ports) =>
          Effect.flatMap(endings, (before) =>
            Effect.zipRight(
              feed(count, by),
              until(
                endings,
                ({ length }) => length >= before.length + count,
                `${count} more runs have not ended`,
                "100 millis",
              ),
            ),
          )

        // A free slot claims again, and a run takes half a second. Unless a claim takes as long, each slot is busy for
        // more than half the time, so that no worker completes less than half of the runs of another.
        const share = Object.values(Array.groupBy(yield* fed(180), ({ worker }) => worker)).map(
          (own) => own.length,
        )
        expect(share).toHaveLength(workers.length)
        expect(Math.min(...share) * 2).toBeGreaterThanOrEqual(Math.max(...share))

        // One server is killed, and one worker of each other server, while the workers hold runs.
        const live = [ports[0]!, ports[2]!]
        const victims = [workers[0]!, workers[4]!]
        const feeding = yield* Effect.fork(feed(60, live))
        yield* until(
          notes,
          (all) => victims.every(({ id }) => heldBy(id, all).length > 0),
          undefined,
          "50 millis",
        )
        const killed = new Map<string, number>()
        for (const { id, process } of victims) {
          yield* process.signal("SIGKILL")
          yield* process.ended
          killed.set(id, yield* Clock.currentTimeMillis)
        }
        yield* servers[1]!.process.signal("SIGKILL")
        yield* servers[1]!.process.ended
        yield* Fiber.join(feeding)
        // The others go on; the workers of the killed server go on when it is back.
        const begins = (of: ReadonlyArray<{ readonly id: string }>, since: number) =>
          Effect.repeat(Effect.zipRight(feed(5, live), notes), {
            until: Array.some(
              ({ at, what, worker }) => what === "begun" && at > since && of.some(({ id }) => id === worker),
            ),
            schedule: Schedule.spaced("100 millis"),
          })
        const deadAt = yield* Clock.currentTimeMillis
        yield* begins(workers.slice(1, 2), deadAt)
        yield* begins(workers.slice(5, 6), deadAt)
        const restarted = yield* startServer(cwd, database, servers[1]!.port)
        yield* begins(workers.slice(2, 4), restarted.readyAt)

        // Migrates to the next version's tables under the servers of this one, then replaces each server under load.
        yield* Effect.all([migrateToNext(database), fed(60)], all)
        yield* fed(20)
        for (const [index, { port, process }] of [servers[0]!, restarted, servers[2]!].entries()) {
          yield* feed(20, ports.toSpliced(index, 1))
          yield* process.signal("SIGTERM")
          expect((yield* process.ended).code).toBe(0)
          yield* startServer(cwd, database, port)
        }

        const logs = yield* Effect.forEach(
          runIds,
          (runId, n) => Effect.retry(wholeLog(ports[n % ports.length]!, runId), { times: 5 }),
          { concurrency: 8 },
        )
        for (const { entries } of logs) {
          expect(entries.at(-1)!.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "success" } })
        }

        // No worker begins a run before its former holder has stopped.
        const ofRun = Array.groupBy(yield* notes, ({ run }) => run)
        let takenOver = 0
        for (const runId of runIds) {
          const own = ofRun[runId]!
          const attempts = own
            .filter(({ what }) => what === "begun")
            .toSorted((one, other) => one.epoch - other.epoch)
            .map(({ at, epoch, worker }) => ({
              begun: at,
              epoch,
              worker,
              stopped:
                own.find((note) => note.epoch === epoch && note.what === "ended")?.at ?? killed.get(worker),
            }))
          for (const [index, { begun, stopped, worker }] of attempts.entries()) {
            expect(stopped).toBeGreaterThanOrEqual(begun)
            if (index > 0) expect(begun).toBeGreaterThanOrEqual(attempts[index - 1]!.stopped!)
            if (index > 0 && killed.has(attempts[index - 1]!.worker) && !killed.has(worker)) takenOver += 1
          }
          const { epoch } = attempts.at(-1)!
          expect(own.some((note) => note.what === "ended" && note.epoch === epoch)).toBe(true)
        }
        expect(takenOver).toBeGreaterThan(0)
        const attempts = Object.values(ofRun).map((own) => own.filter(({ what }) => what === "begun").length)
        yield* Console.log(
          `a fleet: ${runIds.length} runs, 3 servers, ${workers.length} workers: ${Math.min(...share)} to ${Math.max(...share)} of 180 each; ` +
            `${takenOver} runs of killed workers taken over; ${attempts.filter((count) => count > 1).length} runs begun more than once`,
        )
      }),
  )
})
