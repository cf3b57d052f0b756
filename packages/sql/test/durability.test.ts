import { SqliteClient } from "@effect/sql-sqlite-node"
import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Claims,
  ControlPlane,
  Executor,
  Ids,
  Interrupts,
  Leases,
  RunLog,
  Runs,
  Worker,
  WorkerRegistry,
} from "@runlease/core"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Context, Effect, Either, Exit, Layer, Scope, TestClock } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { SqlControlPlane } from "../src/index.js"
import * as SqliteFile from "../src/sqlite/SqliteFile.js"
import * as TempDatabase from "./TempDatabase.js"

const agentId = Ids.AgentId.make("agent")

const open = (filename: string, synchronous?: "normal" | "full") =>
  Layer.build(SqlControlPlane.layerSqlite({ filename, synchronous }))

/** Registers the same worker in every control plane of the file. */
const register = Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) =>
  registry.register({ implementationKind: "kind", workerKey: "key" }),
)

const claim = (workerId: Ids.WorkerId, limit = 10) =>
  Effect.flatMap(Claims.Claims, (claims) => claims.claim({ workerId, limit, leaseDuration: "30 seconds" }))

describe("a control plane on an SQLite file", () => {
  it.scoped("preserves everything when it is closed and opened again, and a lease continues", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const before = yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const log = yield* RunLog.RunLog
        const worker = yield* register
        yield* runs.submit({ agentId, publicId: Ids.RunId.make("held") })
        const [claimed] = yield* claim(worker.id)
        const fence = { workerId: worker.id, epoch: claimed!.leaseEpoch }
        yield* log.append({
          runId: claimed!.runId,
          events: [{ type: "CUSTOM", name: "n", value: "é\u0000" }],
          fence,
        })
        yield* runs.submit({ agentId, publicId: Ids.RunId.make("left") })
        return {
          fence,
          run: yield* runs.get(claimed!.runId),
          entries: yield* log.read({ runId: claimed!.runId }),
        }
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))

      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const log = yield* RunLog.RunLog
        const leases = yield* Leases.Leases
        const { runId } = before.run
        deepStrictEqual(yield* runs.get(runId), before.run)
        deepStrictEqual(yield* log.read({ runId }), before.entries)
        const { workerId, epoch } = before.fence
        const renewals = yield* leases.renew({
          workerId,
          leases: [{ runId, epoch }],
          leaseDuration: "60 seconds",
        })
        strictEqual(renewals[0]!._tag, "Renewed")
        const next = yield* claim(workerId)
        deepStrictEqual(
          next.map((run) => run.runId),
          ["left"],
        )
        const ended = yield* runs.complete(runId, { status: "completed" }, before.fence)
        assertTrue(ended.completed)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename, synchronous: "full" })))
    }),
  )

  it.scoped("migrates once, also when several control planes open it repeatedly", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.all(
        Array.from({ length: 4 }, () => open(filename)),
        { concurrency: "unbounded" },
      )
      yield* open(filename)
      const sql = yield* Effect.map(Layer.build(SqliteClient.layer({ filename })), (context) =>
        Context.get(context, SqlClient.SqlClient),
      )
      const migrations = yield* sql<{ readonly name: string }>`SELECT name FROM runlease_migrations`
      deepStrictEqual(migrations, [
        { name: "ControlPlane" },
        { name: "Counters" },
        { name: "FinishedRuns" },
        { name: "Children" },
        { name: "Records" },
        { name: "Budgets" },
        { name: "Summaries" },
        { name: "DrainAndSessions" },
        { name: "TimeLimits" },
        { name: "Schedules" },
        { name: "Labels" },
        { name: "Limits" },
        { name: "Bulk" },
        { name: "Debounce" },
        { name: "StaleSchedules" },
        { name: "NamedLimits" },
        { name: "Fairness" },
        { name: "Rates" },
        { name: "LimitScopes" },
        { name: "SigningKeys" },
        { name: "Vacuum" },
        { name: "Outbox" },
        { name: "Webhooks" },
        { name: "Conversations" },
        { name: "WebhookSources" },
        { name: "Versions" },
        { name: "Rollouts" },
      ])
      const projects = yield* sql<{ readonly slug: string }>`SELECT slug FROM projects`
      deepStrictEqual(projects, [{ slug: "default" }])
    }),
  )

  it.scoped("refuses a file with the tables of a version before 0.1.0, and leaves it as it is", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const tables = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        return yield* sql<{ readonly name: string }>`SELECT name FROM sqlite_master ORDER BY name`
      })
      const client = SqliteClient.layer({ filename })
      const before = yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE runs (run_pk INTEGER PRIMARY KEY, status TEXT NOT NULL)`
        yield* sql`CREATE TABLE run_details (run_pk INTEGER PRIMARY KEY, submission TEXT NOT NULL)`
        return yield* tables
      }).pipe(Effect.provide(client))
      const refused = yield* Effect.flip(Layer.build(SqlControlPlane.layerSqlite({ filename })))
      strictEqual(refused._tag, "ControlPlaneUnavailable")
      assertInclude(refused.message, "start this one on a new database")
      deepStrictEqual(yield* Effect.provide(tables, client), before)
    }),
  )

  it.scoped("preserves a waiting run and its session across a restart and an hour, for another worker", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const runId = Ids.RunId.make("waiting")
      const working = (name: string) =>
        Worker.make({ workerKey: name, drainTimeout: 0 }).pipe(
          Effect.provide(
            Executor.layerFrom((run) =>
              Effect.gen(function* () {
                const runs = yield* Runs.Runs
                const lease = {
                  runId: run.runId,
                  workerId: Ids.WorkerId.make(run.leaseOwner!),
                  epoch: run.leaseEpoch,
                }
                const sessionKey = run.session?.sessionKey ?? `session of ${name}`
                yield* runs.recordSession(lease, { sessionKey })
                const yes = yield* Interrupts.approve("deploy", { message: "Deploy?" })
                return `${name} goes on with the ${sessionKey}: ${yes}`
              }),
            ),
          ),
        )

      const suspended = yield* Effect.gen(function* () {
        yield* (yield* Runs.Runs).submit({ agentId, publicId: runId })
        yield* working("first")
        return yield* TestWorker.untilSuspended(runId)
      }).pipe(Effect.scoped, Effect.provide(SqlControlPlane.layerSqlite({ filename })))

      yield* TestClock.adjust("1 hour")

      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        deepStrictEqual(yield* runs.get(runId), suspended)
        yield* runs.resume(runId, [
          { interruptId: "deploy", status: "resolved", payload: { approved: true } },
        ])
        yield* working("second")
        yield* TestWorker.untilStatus(runId, "completed")
        const entries = yield* (yield* RunLog.RunLog).read({ runId })
        deepStrictEqual(
          entries.flatMap(({ event }) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event["delta"]] : [])),
          ["second goes on with the session of first: true"],
        )
      }).pipe(Effect.scoped, Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }),
  )

  it.scoped("gives each run to one claimer of two control planes on the same file", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const [first, second] = yield* Effect.all([open(filename), open(filename)])
      const runs = Context.get(first, Runs.Runs)
      const worker = yield* Effect.provide(register, first)
      const submitted = yield* Effect.replicateEffect(runs.submit({ agentId }), 60, {
        concurrency: "unbounded",
      })
      const claimed = yield* Effect.all(
        Array.from({ length: 40 }, (_, index) =>
          Effect.provide(claim(worker.id, 3), index % 2 === 0 ? first : second),
        ),
        { concurrency: "unbounded" },
      )
      deepStrictEqual(
        claimed
          .flat()
          .map(({ runId }) => runId)
          .sort(),
        submitted.map(({ run }) => run.runId).sort(),
      )
      strictEqual((yield* Effect.provide(claim(worker.id), second)).length, 0)
      // A renewal through the other control plane finds the lease, and one writer's end is the other's too.
      const [one] = claimed.flat()
      const ended = yield* Context.get(second, Runs.Runs).complete(
        one!.runId,
        { status: "completed" },
        { workerId: worker.id, epoch: one!.leaseEpoch },
      )
      assertTrue(ended.completed)
      strictEqual((yield* runs.get(one!.runId)).status, "completed")
    }),
  )

  it.scoped("follows a log that another control plane on the same file writes", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const [first, second] = yield* Effect.all([open(filename), open(filename)])
      const { run } = yield* Context.get(first, Runs.Runs).submit({ agentId, initialStatus: "running" })
      yield* Context.get(second, RunLog.RunLog).append({
        runId: run.runId,
        events: [{ type: "CUSTOM", name: "n", value: 1 }],
      })
      const entries = yield* Context.get(first, RunLog.RunLog).read({ runId: run.runId })
      deepStrictEqual(
        entries.map(({ event }) => event.type),
        ["RUN_STARTED", "CUSTOM"],
      )
    }),
  )

  it.scoped("refuses a request that the database refuses, and no other of the same commit", () =>
    Effect.gen(function* () {
      const context = yield* open(yield* TempDatabase.filename)
      const nowhere = Context.get(context, ControlPlane.ControlPlane).project(
        Ids.ProjectId.make("00000000-0000-4000-8000-000000000000"),
      )
      const submitTo = (ports: Context.Context<ControlPlane.ProjectPorts>) =>
        Effect.either(Context.get(ports, Runs.Runs).submit({ agentId }))
      const verdicts = yield* Effect.all([submitTo(context), submitTo(nowhere), submitTo(context)], {
        concurrency: "unbounded",
      })
      deepStrictEqual(
        verdicts.map((verdict) => (Either.isLeft(verdict) ? verdict.left._tag : verdict.right.run.status)),
        ["pending", "ControlPlaneUnavailable", "pending"],
      )
      strictEqual((yield* Context.get(context, Runs.Runs).list()).items.length, 2)
    }),
  )

  it.scoped("fails every request after its close at once", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(open(filename), scope)
      yield* Scope.close(scope, Exit.void)
      const refused = yield* Effect.flip(Context.get(context, Runs.Runs).submit({ agentId }))
      strictEqual(refused._tag, "ControlPlaneUnavailable")
      const unread = yield* Effect.flip(Context.get(context, ControlPlane.ControlPlane).ready)
      strictEqual(unread._tag, "ControlPlaneUnavailable")
    }),
  )

  const unusable = (
    title: string,
    reason: SqliteFile.SqliteFileUnusable["reason"],
    prepare: (folder: string) => string,
  ) =>
    it.scoped(title, () =>
      Effect.gen(function* () {
        const filename = prepare(yield* TempDatabase.folder)
        const error = yield* Effect.flip(open(filename))
        assertTrue(error instanceof SqliteFile.SqliteFileUnusable)
        strictEqual(error.reason, reason)
        assertTrue(error.message.startsWith(filename))
      }),
    )

  unusable("reports a missing folder", "missing_folder", (folder) =>
    path.join(folder, "nowhere", "runlease.db"),
  )

  unusable("reports a file that is not writable", "not_writable", (folder) => folder)

  unusable("reports a file that is not a database", "not_a_database", (folder) => {
    const filename = path.join(folder, "runlease.db")
    fs.writeFileSync(filename, "This is a letter, and no database at all.".repeat(200))
    return filename
  })

  it.scoped("reports a database of another program", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE runs (id TEXT)`).pipe(
        Effect.provide(SqliteClient.layer({ filename })),
      )
      const error = yield* Effect.flip(open(filename))
      strictEqual(error._tag, "ControlPlaneUnavailable")
      // The migration leaves nothing behind.
      const tables = yield* Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql<{ readonly name: string }>`SELECT name FROM sqlite_master WHERE type = 'table'`,
      ).pipe(Effect.provide(SqliteClient.layer({ filename })))
      deepStrictEqual(tables, [{ name: "runs" }])
    }),
  )
})
