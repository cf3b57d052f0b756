import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { PostgresPool } from "@runlease/sql"
import { freePort } from "@runlease/test-postgres/FreePort"
import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Array, Context, Deferred, Effect, Layer, Redacted, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { folder, has, json, run, serve, start } from "./Processes.js"

const apiKey = "rlk_start"

/** The status of a request with the key; 0 while nothing listens. */
const statusOf = (port: number, path: string) =>
  Effect.promise(async () => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Bearer ${apiKey}` },
      })
      await response.arrayBuffer()
      return response.status
    } catch {
      return 0
    }
  })

const untilReady = (port: number) =>
  Effect.repeat(statusOf(port, "/readyz"), {
    until: (status) => status === 200,
    schedule: Schedule.spaced("2 millis"),
  })

/** Takes the write lock of a file; `release` releases it. */
const lock = (filename: string) =>
  Effect.gen(function* () {
    const locker = fileURLToPath(new URL("../../sql/test/fixtures/locker.mjs", import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [locker, filename], { stdio: ["pipe", "pipe", "inherit"] })),
      (holder) => Effect.sync(() => holder.kill("SIGKILL")),
    )
    yield* Effect.promise(() => once(child.stdout, "data"))
    return Effect.sync(() => child.stdin.end())
  })

layer(NodeContext.layer, { excludeTestServices: true })("a server that starts", (it) => {
  it.scoped("accepts its key when it is ready, even if several servers start on one empty database", () =>
    Effect.gen(function* () {
      const database = yield* TestDatabase.make()
      const cwd = yield* folder
      const answers = yield* Effect.forEach(
        Array.range(1, 6),
        () =>
          Effect.gen(function* () {
            const port = yield* freePort
            yield* start(["serve", "--port", String(port), "--json"], {
              cwd,
              env: { RUNLEASE_DATABASE: database, RUNLEASE_API_KEY: apiKey },
            })
            yield* untilReady(port)
            return yield* statusOf(port, "/projects/default/runs")
          }),
        { concurrency: "unbounded" },
      )
      expect(answers).toEqual([200, 200, 200, 200, 200, 200])
    }),
  )

  it.scoped("is not ready before its key is stored", () =>
    Effect.gen(function* () {
      const database = yield* TestDatabase.make()
      const cwd = yield* folder
      const serving = (port: number, key: string) =>
        start(["serve", "--port", String(port), "--json"], {
          cwd,
          env: { RUNLEASE_DATABASE: database, RUNLEASE_API_KEY: key },
        })
      const first = yield* serving(0, "rlk_first")
      yield* first.line(() => true)
      yield* first.signal("SIGTERM")
      yield* first.ended

      const locked = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const pool = yield* Layer.build(PostgresPool.layerWith({ url: Redacted.make(database) }))
      const sql = Context.get(pool, SqlClient.SqlClient)
      const lock = sql`LOCK TABLE credentials IN SHARE ROW EXCLUSIVE MODE`
      const waiting = sql`SELECT 1 FROM pg_locks
        WHERE NOT granted AND relation = 'credentials'::regclass`
      yield* Effect.forkScoped(
        sql.withTransaction(
          Effect.zipRight(
            Effect.zipRight(lock, Deferred.succeed(locked, undefined)),
            Deferred.await(release),
          ),
        ),
      )
      yield* Deferred.await(locked)
      const port = yield* freePort
      yield* serving(port, apiKey)
      yield* Effect.repeat(waiting, {
        until: (rows) => rows.length > 0,
        schedule: Schedule.spaced("20 millis"),
      })
      expect(yield* statusOf(port, "/readyz")).toBe(503)
      expect(yield* statusOf(port, "/projects/default/runs")).toBe(503)
      yield* Deferred.succeed(release, undefined)
      yield* untilReady(port)
      expect(yield* statusOf(port, "/projects/default/runs")).toBe(200)
    }),
  )

  it.scoped("serves a worker that started before it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const port = yield* freePort
      const env = { RUNLEASE_URL: `http://127.0.0.1:${port}`, RUNLEASE_API_KEY: apiKey }
      const worker = yield* start(["worker", "--json", "--command", "cat"], { cwd, env })
      yield* worker.errorLine((line) =>
        line.includes(`${env.RUNLEASE_URL} could not be reached: nothing listens there`),
      )
      yield* start(["serve", "--port", String(port), "--json"], { cwd, env })
      yield* worker.line(has({ event: "registered" }))
    }),
  )

  it.scoped(
    "waits for a PostgreSQL that recovers, logs that, is live and not ready meanwhile, and can be stopped",
    () =>
      Effect.gen(function* () {
        const postgres = yield* TestServer.make()
        const cwd = yield* folder
        const env = { RUNLEASE_DATABASE: postgres.url, RUNLEASE_API_KEY: apiKey }
        yield* postgres.kill("SIGINT")
        const recovery = yield* postgres.recover
        const port = yield* freePort
        const waits = yield* start(["serve", "--port", String(port), "--json"], { cwd, env })
        yield* waits.errorLine((line) => /The database does not take connections yet.*waiting/.test(line))
        expect(yield* statusOf(port, "/healthz")).toBe(200)
        expect(yield* statusOf(port, "/readyz")).toBe(503)
        expect(yield* statusOf(port, "/projects/default/runs")).toBe(503)

        const stopped = yield* start(["serve", "--port", "0", "--json"], { cwd, env })
        yield* stopped.errorLine((line) => /waiting/.test(line))
        yield* stopped.signal("SIGTERM")
        expect((yield* stopped.ended).code).toBe(0)

        yield* recovery.finish
        yield* recovery.ready
        yield* waits.line(has({ url: `http://127.0.0.1:${port}` }))
        expect(yield* statusOf(port, "/projects/default/runs")).toBe(200)
      }),
  )

  it.scoped("reports that nothing listens at the address of PostgreSQL, and ends", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const ended = yield* run(["serve", "--port", "0"], {
        cwd: yield* folder,
        env: { RUNLEASE_DATABASE: `postgres://postgres@127.0.0.1:${port}/postgres` },
      })
      expect(ended.code).toBe(69)
      expect(ended.stderr).toContain("Check that PostgreSQL runs there")
    }),
  )

  it.scoped("waits for an SQLite file that another process has locked, logs that, and can be stopped", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { server } = yield* serve(cwd)
      yield* server.signal("SIGTERM")
      yield* server.ended
      const release = yield* lock(`${cwd}/.runlease/runlease.sqlite`)
      const [waits, stopped] = yield* Effect.replicateEffect(
        start(["serve", "--port", "0", "--json"], { cwd }),
        2,
      )
      yield* waits!.errorLine((line) => /locked by another process.*waiting/.test(line))
      yield* stopped!.signal("SIGTERM")
      expect((yield* stopped!.ended).code).toBe(0)
      yield* release
      yield* waits!.line(has({ database: "sqlite:.runlease/runlease.sqlite" }))
    }),
  )

  it.scoped("reports that RUNLEASE_API_KEY is a revoked key with a hint, and serves other keys", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { RUNLEASE_API_KEY: apiKey }
      const first = yield* start(["serve", "--port", "0", "--json"], { cwd, env })
      const announced = yield* first.line(() => true)
      // The key of the environment is the first one, and is not shown.
      expect(announced).not.toContain(apiKey)
      const url = String(json(announced)["url"])
      const settings = { cwd, env: { ...env, RUNLEASE_URL: url } }
      const other = json((yield* run(["keys", "create", "other", "--admin", "--json"], settings)).stdout)
      const keys = yield* run(["keys", "list", "--json"], settings)
      const [, revoked] = keys.stdout.trim().split("\n")
      const { id } = json(revoked!)
      expect((yield* run(["keys", "revoke", String(id)], settings)).code).toBe(0)
      yield* first.signal("SIGTERM")
      yield* first.ended

      const again = yield* start(["serve", "--port", "0", "--json"], { cwd, env })
      const line = yield* again.errorLine((text) => text.includes("RUNLEASE_API_KEY"))
      expect(line).toContain(`is the API key ${String(id)}, which was revoked`)
      expect(line).toContain("Set it to a new value")
      expect(line).not.toContain(apiKey)
      const served = { RUNLEASE_URL: String(json(yield* again.line(() => true))["url"]) }
      const refused = yield* run(["runs", "list"], { cwd, env: { ...env, ...served } })
      expect(refused.code).toBe(77)
      const accepted = yield* run(["runs", "list"], {
        cwd,
        env: { ...served, RUNLEASE_API_KEY: String(other["token"]) },
      })
      expect(accepted.code).toBe(0)
    }),
  )
})
