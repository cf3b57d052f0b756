import { FileSystem } from "@effect/platform"
import * as SqlClient from "@effect/sql/SqlClient"
import { expect, layer } from "@effect/vitest"
import { HealthCheck } from "@runlease/core"
import { PostgresPool, SqliteFile } from "@runlease/sql"
import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { Effect, Option, Redacted } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as ServerChecks from "../src/doctor/ServerChecks.js"
import { begun, connect, counter, startWorker, submit, until } from "./FaultRoom.js"
import * as Hand from "./Hand.js"
import { folder, jsonLines, project, room, run, serve, Served, type Settings } from "./Processes.js"
import * as Proxies from "./Proxies.js"

interface Report {
  readonly subject: string
  readonly check: string
  readonly verdict: string
  readonly message: string
  readonly advice: string | null
}

/** What `runlease doctor` finds. */
const examine = (settings: Settings, ...flags: ReadonlyArray<string>) =>
  Effect.map(run(["doctor", "--json", ...flags], settings), ({ code, stderr, stdout }) => {
    const reports = jsonLines(stdout) as unknown as ReadonlyArray<Report>
    expect(stderr).toBe("")
    // The exit code says whether a check has failed.
    expect(code).toBe(reports.some(({ verdict }) => verdict === "fail") ? 1 : 0)
    const of = (check: string): Report => {
      const report = reports.find((each) => each.check === check)
      if (report === undefined) throw new Error(`No check ${check} in ${stdout}`)
      return report
    }
    return { reports, of, checks: reports.map(({ check }) => check) }
  })

const sqliteOf = (cwd: string) => `${cwd}/.runlease/runlease.sqlite`

/** The file of the server that the tests share. */
const sharedFile = Effect.map(Served, ({ cwd }) => sqliteOf(cwd))

/** Changes the database of a server behind its back. */
const change = (filename: string, statement: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(SqliteFile.layerWith({ filename })),
  )

const serverChecks = ["server", "version", "clock", "store", "key"]
const projectChecks = [
  "workers",
  "agents",
  "worker versions",
  "pending",
  "overdue",
  "leases",
  "lost leases",
  "attempts",
]

layer(Served.layer, { excludeTestServices: true })("doctor", (it) => {
  it.scoped("is fine with a server, a worker and a database, and says so in words", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const program = yield* counter(cwd, { every: 20 })
      const ports = yield* connect(env)
      yield* startWorker(settings, program, "--agent", "counter")
      yield* begun(ports, yield* submit(ports, "run-1"))
      const { checks, reports } = yield* examine(settings, "--database", `sqlite:${yield* sharedFile}`)
      expect(checks).toEqual([
        ...serverChecks,
        ...projectChecks,
        "file",
        "tables",
        "indexes",
        "outbox",
        "disk",
      ])
      // The disk is that of the machine.
      expect(reports.filter(({ check, verdict }) => check !== "disk" && verdict !== "ok")).toEqual([])
      const { stdout } = yield* run(["doctor"], settings)
      expect(stdout).toMatch(/^ {2}ok {4}workers +1 worker is in contact\.$/m)
      expect(stdout).toMatch(/0 failures, 0 warnings, 13 fine\.\n$/)
    }),
  )

  it.scoped("finds that no server answers, that another one does, a refused key and no key", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = (more: object) => ({ cwd, env: { ...env, ...more } })
      const away = yield* examine(settings({ RUNLEASE_URL: "http://127.0.0.1:9" }))
      expect(away.reports).toEqual([expect.objectContaining({ check: "server", verdict: "fail" })])
      const other = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const stranger = createServer((_request, response) => response.end("hello"))
          stranger.listen(0, "127.0.0.1", () => resume(Effect.succeed(stranger)))
        }),
        (stranger) => Effect.sync(() => stranger.close()),
      )
      const { port } = other.address() as AddressInfo
      const stranger = yield* examine(settings({ RUNLEASE_URL: `http://127.0.0.1:${port}` }))
      expect(stranger.reports).toEqual([
        expect.objectContaining({
          verdict: "fail",
          message: expect.stringContaining("not a Runlease server"),
        }),
      ])
      const refused = yield* examine(settings({ RUNLEASE_API_KEY: "rlk_wrong" }))
      expect([refused.checks, refused.of("key").verdict]).toEqual([serverChecks, "fail"])
      const elsewhere = yield* examine(settings({}), "--project", "elsewhere")
      expect([elsewhere.checks, elsewhere.of("key").verdict]).toEqual([serverChecks, "fail"])
      const none = yield* examine({ cwd, env: { RUNLEASE_URL: env.RUNLEASE_URL } })
      expect([none.checks, none.of("key").verdict]).toEqual([serverChecks, "warn"])
    }),
  )

  it.scoped(
    "finds agents without workers, workers that are silent or drain, and a database without an index",
    () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* project
        const settings = { cwd, env }
        expect((yield* examine(settings)).of("workers").verdict).toBe("warn")
        const workerId = yield* Hand.withPorts(env)(Hand.register())
        yield* run(["submit", "--agent", "nobody", "x"], settings)
        const orphan = (yield* examine(settings)).of("agents")
        expect([orphan.verdict, orphan.message]).toEqual([
          "fail",
          expect.stringContaining("nobody (1 pending run)"),
        ])
        expect(orphan.advice).toContain("runlease worker --agent nobody")

        yield* run(["workers", "drain", workerId], settings)
        const draining = (yield* examine(settings)).of("workers")
        expect([draining.verdict, draining.message]).toEqual([
          "warn",
          expect.stringContaining("by-hand has a request to claim no more"),
        ])
        expect(draining.advice).toContain(`runlease workers drain ${workerId} --stop`)

        yield* change(
          yield* sharedFile,
          "UPDATE workers SET last_heartbeat_at = last_heartbeat_at - 120000, updated_at = updated_at - 120000",
        )
        const silent = (yield* examine(settings)).of("workers")
        expect([silent.verdict, silent.message]).toEqual([
          "warn",
          expect.stringContaining("1 worker is silent: by-hand"),
        ])

        const copy = `${cwd}/copy.sqlite`
        yield* run(["backup", "--database", `sqlite:${yield* sharedFile}`, copy], { cwd })
        yield* change(copy, "DROP INDEX queue_runnable")
        const broken = yield* examine(settings, "--database", `sqlite:${copy}`)
        expect(broken.of("indexes").verdict).toBe("fail")
        // Without a key and a URL only the database is checked.
        const alone = yield* examine({ cwd }, "--database", `sqlite:${copy}`)
        expect(alone.checks).toEqual(["file", "tables", "indexes", "outbox", "disk"])
      }),
  )

  it.scoped("finds a worker that went away with the last attempt of a run, and names the run", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const ports = yield* connect(env)
      const { ref } = yield* Hand.withPorts(env)(
        Effect.flatMap(Hand.submit("run-1", { maxAttempts: 1 }), Hand.claim),
      )
      yield* until(ports.runs.get(ref.runId), ({ status }) => status === "failed")
      const { of } = yield* examine(settings)
      expect([of("attempts").verdict, of("attempts").message]).toEqual([
        "fail",
        expect.stringContaining("1 run has used up all attempts in the last day: hand (1)"),
      ])
      expect(of("attempts").advice).toContain("runlease runs explain run-1")
      expect([of("lost leases").verdict, of("lost leases").message]).toEqual([
        "warn",
        expect.stringContaining("1 lease has lapsed in the last hour: by-hand (1)"),
      ])
    }),
  )

  it.scoped("finds a run that is pending for long, with and without free slots", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const pending = Effect.gen(function* () {
        yield* change(yield* sharedFile, "UPDATE queue SET updated_at = updated_at - 120000")
        const { advice, message, verdict } = (yield* examine(settings)).of("pending")
        return `${verdict} ${message} ${advice}`
      })
      yield* Hand.withPorts(env)(Hand.submit("run-1"))
      expect(yield* pending).toMatch(/^fail .+ no worker in contact claims such runs.+ --agent hand/)
      yield* Hand.withPorts(env)(Hand.register(2))
      expect(yield* pending).toMatch(/^fail .+ although by-hand has free slots.+ runlease runs explain run-1/)
      yield* Hand.withPorts(env)(Hand.register(0))
      expect(yield* pending).toMatch(/^warn .+ all slots of its 1 worker are in use/)
    }),
  )

  it.scoped("finds pending runs whose version no worker in contact has", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      yield* Hand.withPorts(env)(Hand.submit("run-1", { versionPolicy: "pinned" }))
      yield* change(yield* sharedFile, "UPDATE queue SET version = 'v1'")
      const { advice, message, verdict } = (yield* examine({ cwd, env })).of("worker versions")
      expect(`${verdict} ${message} ${advice}`).toMatch(
        /^fail No worker in contact claims runs of version v1 \(1 pending run\)\. .+ runlease runs move --from v1/,
      )
    }),
  )

  it.scoped("finds a store that is not ready, since its file was moved away", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const fs = yield* FileSystem.FileSystem
      yield* fs.rename(sqliteOf(cwd), `${sqliteOf(cwd)}.away`)
      const late = yield* until(
        examine({ cwd, env }),
        ({ of }) => of("store").verdict !== "ok",
        "the store is ready",
        "200 millis",
      )
      expect(late.of("server").verdict).toBe("ok")
      expect(late.of("store")).toMatchObject({
        verdict: "fail",
        message: expect.stringContaining("deleted or replaced"),
        advice: expect.stringContaining("runlease doctor --database"),
      })
    }),
  )

  it.scoped("finds leases that the store does not take back, since a table is locked", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const url = yield* TestDatabase.make()
      const { env } = yield* serve(cwd, "--database", url)
      yield* Hand.withPorts(env)(Effect.flatMap(Hand.submit("run-1"), Hand.claim))
      const late = yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
        sql.withTransaction(
          Effect.zipRight(
            // Reads go on, and writes wait.
            sql`LOCK TABLE leases IN EXCLUSIVE MODE`,
            until(
              Effect.map(examine({ cwd, env }), ({ of }) => of("overdue")),
              ({ verdict }) => verdict === "fail",
              "no lease is overdue",
              "500 millis",
            ),
          ),
        ),
      ).pipe(
        Effect.provide(
          PostgresPool.layerWith({ url: Redacted.make(url), idleInTransactionTimeout: "5 minutes" }),
        ),
      )
      expect(late.message).toContain("run-1 (running)")
    }),
  )

  it.scoped("finds a PostgreSQL database that is not there, and one without tables", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const away = yield* examine({ cwd }, "--database", "postgres://nobody@127.0.0.1:1/nothing")
      expect(away.reports).toEqual([expect.objectContaining({ subject: "database", verdict: "fail" })])
      const url = yield* TestDatabase.make()
      const empty = yield* examine({ cwd }, "--database", url)
      expect([empty.of("server").verdict, empty.of("wake-ups").verdict]).toEqual(["ok", "ok"])
      expect(empty.of("tables")).toMatchObject({
        verdict: "fail",
        message: "This database has no tables of Runlease.",
      })
    }),
  )

  it.scoped(
    "finds a clock that is off, another version, and answers that are too slow for a lease, over a network that distorts",
    () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* project
        const hour = 3_600_000
        const { url } = yield* Proxies.distorting(env.RUNLEASE_URL, {
          change: (headers, text) => {
            headers["date"] = new Date(Date.parse(String(headers["date"])) + hour).toUTCString()
            return text.replace('"version":"0.1.0"', '"version":"0.0.9"')
          },
        })
        const off = yield* examine({ cwd, env: { ...env, RUNLEASE_URL: url } })
        expect([off.of("clock").verdict, off.of("clock").message]).toEqual([
          "fail",
          expect.stringMatching(/ahead of that of this machine/),
        ])
        expect([off.of("version").verdict, off.of("version").message]).toEqual([
          "warn",
          expect.stringContaining("0.0.9"),
        ])

        yield* Hand.withPorts(env)(Effect.flatMap(Hand.submit("run-1"), Hand.claim))
        const slow = yield* Proxies.distorting(env.RUNLEASE_URL, { delay: 1700 })
        const late = yield* examine({ cwd, env: { ...env, RUNLEASE_URL: slow.url } })
        expect(late.of("leases").verdict).not.toBe("ok")
      }),
  )

  it("says how long a lease must be, and which worker renews late", () => {
    const held = { lease: 5000, gap: 1700, worker: "alpha" }
    expect(ServerChecks.leaseFindingOf(20, [held]).verdict).toBe("ok")
    const slow = ServerChecks.leaseFindingOf(2000, [held])
    expect([slow.verdict, slow.advice]).toEqual(["fail", expect.stringContaining("of 12 s at least")])
    const late = ServerChecks.leaseFindingOf(20, [held, { ...held, gap: 4000, worker: "beta" }])
    expect([late.verdict, late.message]).toEqual(["warn", expect.stringContaining("beta left 4.0 s")])
    expect(ServerChecks.leaseFindingOf(2000, []).verdict).toBe("warn")
  })

  it("takes clocks that may agree for equal", () => {
    const of = (ahead: number, off: number) => ServerChecks.findingOf(Option.some({ ahead, off })).verdict
    expect([of(2400, 500), of(2600, 500), of(-40_000, 500)]).toEqual(["ok", "warn", "fail"])
    expect(ServerChecks.findingOf(Option.none())).toEqual(HealthCheck.ok(expect.stringContaining("Unknown")))
  })
})
