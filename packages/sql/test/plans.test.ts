import { SqliteClient } from "@effect/sql-sqlite-node"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Array, Effect, Layer } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as SqliteConnection from "../src/sqlite/SqliteConnection.js"
import { everything } from "./Everything.js"
import * as TempDatabase from "./TempDatabase.js"

/** A full scan of a table that grows with use, with or without an index. */
const scan =
  /\bSCAN ([rqlwoftinescm]|runs|inputs|queue|leases|waits|outcomes|claims|events|sessions|messages|conversations|credentials|workers|schedules|run_labels|flows)\b/

/** A scan of all runs of a project or a conversation. */
const history = /\bruns_by_(project|conversation)\b|\(project_id=\?\)$/

/**
 * A list of runs may read history. A check for existence stops at the first row. The plan of a new project names the
 * check of its foreign keys, although a new project has no runs.
 */
const mayReadHistory = (statement: string, step: string): boolean =>
  statement.includes("ORDER BY r.run_pk DESC") ||
  (step.includes("runs_by_conversation") && /EXISTS \(\s*SELECT 1 FROM runs r WHERE /.test(statement)) ||
  statement.startsWith("INSERT INTO projects")

/** The oldest pending runs, at most 10,000, are read in the order of their keys. */
const isBounded = (statement: string): boolean => statement.includes("FROM queue ORDER BY run_pk LIMIT ?")

/** Runs in the order of claims are read in the order of an index. */
const isClaim = (statement: string): boolean =>
  /ORDER BY (q\.)?priority DESC, (q\.)?rank, (q\.)?run_pk/.test(statement)

/** The lookups that must use an index, with the index that serves each. */
const indexes = [
  "queue_runnable (project_id=? AND implementation_kind=? AND worker_key=? AND version=?)",
  "queue_runnable_by_agent (project_id=? AND agent_id=? AND implementation_kind=? AND worker_key=? AND version=?)",
  "queue_by_version (version>?)",
  "queue_runnable (project_id=? AND implementation_kind=? AND worker_key=? AND version=? AND priority=? AND rank>?)",
  "queue_runnable_by_agent (project_id=? AND agent_id=? AND implementation_kind=? AND worker_key=? AND version=? AND priority=? AND rank>?)",
  "queue_limited (project_id=? AND limit_name=? AND priority=? AND rank>?)",
  "flows_by_finish (project_id=? AND ranked_set=? AND priority=?)",
  "flows_by_finish (project_id=? AND ranked_set=? AND priority=? AND finish<?)",
  "flows_by_age (project_id=? AND updated_at<?)",
  "queue_delayed (available_at<?)",
  "queue_start_by (start_by<?)",
  "queue_debounced (project_id=? AND agent_id=? AND debounce_key=?)",
  "queue_in_lane (project_id=? AND lane=?)",
  "leases_expiring (lease_expires_at<?)",
  "leases_timeout_at (timeout_at<?)",
  "leases_by_claim (claim_id=? AND lease_owner=?)",
  "leases_in_lane (project_id=? AND lane=?)",
  "waits_expiring (waiting_expires_at<?)",
  "waits_in_lane (project_id=? AND lane=?)",
  "waits_asking (project_id=? AND answers_due>?)",
  "claims_lost (project_id=? AND ended_at>?)",
  "runs_by_project (project_id=? AND run_pk>? AND run_pk<?)",
  "runs_by_agent (project_id=? AND agent_id=? AND run_pk>? AND run_pk<?)",
  "runs_by_conversation (conversation_id=? AND run_pk>? AND run_pk<?)",
  "runs_by_parent (project_id=? AND parent_run_id=? AND run_pk>? AND run_pk<?)",
  "outcomes_by_status (project_id=? AND status=? AND run_pk>? AND run_pk<?)",
  "outcomes_finished (project_id=? AND finished_at<?)",
  "outcomes_with_children (open_children>?)",
  "runs_by_parent (project_id=? AND parent_run_id=?)",
  "conversations_runless (project_id=? AND updated_at<?)",
  "conversations_listed (project_id=? AND updated_at>? AND updated_at<?)",
  "schedules_due (next_at<?)",
  "schedules_by_project (project_id=? AND schedule_pk<?)",
  "schedules_by_source (project_id=? AND source=?)",
  "bulk_operations_by_project (project_id=? AND bulk_pk<?)",
  "bulk_operations_finished (project_id=? AND finished_at<?)",
  "PRIMARY KEY (run_pk=? AND event_id>?)",
  "PRIMARY KEY (project_id=? AND name=? AND value=? AND run_pk>? AND run_pk<?)",
]

describe("query plans", () => {
  it.scoped("no statement reads more rows of a growing table than it returns", () =>
    Effect.gen(function* () {
      const file = yield* TempDatabase.filename
      // Migrations are exempt.
      yield* Effect.scoped(Layer.build(SqlControlPlane.layerSqlite({ filename: file })))
      const statements = new Map<string, ReadonlyArray<unknown>>()
      const record = Statement.setTransformer((statement) =>
        Effect.sync(() => {
          const [text, params] = statement.compile()
          statements.set(text, params)
          return statement
        }),
      )
      // Statements that run on the handle are those that it prepares.
      const recordPrepared = Layer.effectDiscard(
        Effect.map(SqliteConnection.SqliteHandle, ({ database }) => {
          const prepare = database.prepare.bind(database)
          const recorded: typeof database.prepare = (text) => {
            if (!statements.has(text)) statements.set(text, text.match(/\?/g)?.map(() => null) ?? [])
            return prepare(text)
          }
          Object.assign(database, { prepare: recorded })
        }),
      )
      const opened = Layer.provideMerge(recordPrepared, SqliteConnection.layer(file))
      yield* Effect.provide(
        everything,
        SqlControlPlane.layer.pipe(Layer.provide(opened), Layer.provide(record)),
      ).pipe(Effect.provide(record))

      const sql = yield* Effect.map(Layer.build(SqliteClient.layer({ filename: file })), (context) =>
        SqlClient.SqlClient.pipe(Effect.provide(context)),
      ).pipe(Effect.flatten)
      const explained = Array.fromIterable(statements).filter(([text]) =>
        /^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(text),
      )
      assert.isAbove(explained.length, 40)
      const plans = yield* Effect.forEach(explained, ([text, params]) =>
        Effect.map(
          sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`, params),
          (steps) => ({
            text,
            steps: steps.map(({ detail }) => detail),
          }),
        ),
      )
      const slow = plans.flatMap(({ text, steps }) =>
        steps
          .filter(
            (step) =>
              (scan.test(step) && !isBounded(text)) ||
              (isClaim(text) && step.includes("TEMP B-TREE")) ||
              (history.test(step) && / (r|runs|c|conversations) /.test(step) && !mayReadHistory(text, step)),
          )
          .map((step) => `${step}: ${text}`),
      )
      deepStrictEqual(slow, [])
      assert.isAbove(plans.filter(({ text }) => isClaim(text)).length, 4)
      const all = plans.flatMap(({ steps }) => steps)
      deepStrictEqual(
        indexes.filter((index) => !all.some((step) => step.includes(index))),
        [],
      )
    }),
  )
})
