import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Context, Effect, Layer } from "effect"
import { Migrations, PostgresPool, SqlControlPlane, StoreTime } from "../src/index.js"
import { everything } from "./Everything.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const grown =
  /^(runs|inputs|queue|leases|waits|outcomes|claims|events|sessions|messages|conversations|credentials|workers|flows)$/

interface Node {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Name"?: string
  readonly "Index Cond"?: string
  readonly Filter?: string
  readonly Plans?: ReadonlyArray<Node>
}

/** The nodes of a plan, without those that return only the first row of an index. */
const nodesOf = (node: Node): ReadonlyArray<Node> => [
  node,
  ...(node.Plans ?? [])
    .filter(
      (child) => node["Node Type"] !== "Limit" || child.Filter !== undefined || child.Plans !== undefined,
    )
    .flatMap(nodesOf),
]

/** Only an operator lists keys, so that statement may read all credentials of the project. */
const mayReadAll = (text: string): boolean => /FROM credentials\s+WHERE project_id/.test(text)

/** A growing table must be read through an index, with a condition on that index. */
const readsAll = (node: Node): boolean =>
  grown.test(node["Relation Name"] ?? "") &&
  /Scan/.test(node["Node Type"]) &&
  node["Index Cond"] === undefined

/** Runs in the order of claims are read in the order of an index. */
const isClaim = (text: string): boolean => /q\.priority DESC, q\.rank, q\.run_pk/.test(text)

/** A page is read sooner by one process than others start. */
const isParallel = (node: Node): boolean => node["Node Type"].startsWith("Gather")

const sorts = (node: Node): boolean => node["Node Type"].includes("Sort")

/** A database with many runs in every state, each with its dependent rows. */
const growth = `
  INSERT INTO runs (project_id, run_id, conversation_id, message_id, agent_id, lane, priority, max_attempts, created_at,
    root_run_id)
  SELECT p.id, 'grown-' || n, gen_random_uuid(), gen_random_uuid(), 'agent', 'lane-' || n, 0, 3, 0, 'grown-' || n
  FROM projects p, generate_series(1, 100000) n;
  INSERT INTO queue (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id, latest_sequence,
    updated_at, agent_id, priority, debounce_key)
  SELECT run_pk, project_id, lane, 0, 0, 0, 0, 1, 0, 0, agent_id, 0, CASE WHEN run_pk % 10 = 0 THEN 'key-' || run_pk END FROM runs
  WHERE run_id LIKE 'grown-%' AND run_pk % 2 = 0;
  INSERT INTO leases (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id, latest_sequence,
    updated_at, lease_owner, lease_expires_at, claim_id)
  SELECT run_pk, project_id, lane, 0, 0, 1, 1, 1, 0, 0, 'worker-' || run_pk % 100, 9999999999999, 'claim-' || run_pk FROM runs
  WHERE run_id LIKE 'grown-%' AND run_pk % 8 = 1;
  INSERT INTO waits (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id, latest_sequence,
    updated_at, waiting, waiting_expires_at)
  SELECT run_pk, project_id, lane, 0, 0, 0, 1, 1, 0, 0, '{}', 9999999999999 FROM runs
  WHERE run_id LIKE 'grown-%' AND run_pk % 8 = 3;
  INSERT INTO outcomes (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id,
    latest_sequence, updated_at, status, finished_at)
  SELECT run_pk, project_id, lane, 0, 0, 1, 1, 1, 0, 0, 'completed', 1 FROM runs
  WHERE run_id LIKE 'grown-%' AND run_pk % 8 IN (5, 7);
  INSERT INTO claims
  SELECT run_pk, 1, 1, 'worker', 0, 0, 0, 0, 0, 'released' FROM runs WHERE run_id LIKE 'grown-%' AND run_pk % 4 = 0;
  INSERT INTO inputs (run_pk, input, since, project_id, submission, snapshot, answers)
  SELECT run_pk, 0, 0, project_id, '{}', '{}', '{}' FROM runs WHERE run_id LIKE 'grown-%';
  INSERT INTO events (run_pk, event_id, payload, created_at)
  SELECT run_pk, 1, '{}', 0 FROM runs WHERE run_id LIKE 'grown-%';
  INSERT INTO sessions (run_pk, session_id, session_kind, session_key, session_status, session_created_at, session_updated_at)
  SELECT run_pk, run_id, 'kind', 'key', 'active', 0, 0 FROM runs WHERE run_id LIKE 'grown-%' AND run_pk % 10 = 0;
  INSERT INTO inputs (run_pk, input, since, project_id, public_id, fingerprint)
  SELECT run_pk, 1, 1, project_id, 'input-' || run_pk, '' FROM runs WHERE run_id LIKE 'grown-%' AND run_pk % 2 = 0;
  UPDATE queue SET rank = run_pk WHERE run_pk % 4 = 0;
  INSERT INTO flows (project_id, ranked_set, priority, fairness_key, finish, updated_at)
  SELECT p.id, 'set-' || n % 10, 0, 'key-' || n, n, n FROM projects p, generate_series(1, 10000) n;
  INSERT INTO conversations (id, project_id, created_at, updated_at)
  SELECT 'grown-' || n, p.id, 0, 0 FROM projects p, generate_series(1, 10000) n;
  INSERT INTO messages (conversation_pk, id, role, parts, created_at)
  SELECT conversation_pk, 'grown-' || conversation_pk, 'user', '[]', 0 FROM conversations;
  INSERT INTO workers (id, project_id, implementation_kind, worker_key, status, created_at, updated_at)
  SELECT 'grown-' || n, p.id, 'kind', 'grown-' || n, 'active', 0, 0 FROM projects p, generate_series(1, 1000) n;
  INSERT INTO credentials (id, project_id, worker_id, admin, lookup, digest, created_at)
  SELECT id, project_id, id, 0, id, id, 0 FROM workers WHERE id LIKE 'grown-%';
  ANALYZE`

const literal = (value: unknown): string =>
  value === null || value === undefined
    ? "NULL"
    : typeof value === "number"
      ? String(value)
      : `'${String(value).replaceAll("'", "''")}'`

describe("query plans of PostgreSQL", () => {
  it.scoped("no statement reads more rows of a growing table than it returns, under generic plans", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const clock = Layer.succeed(StoreTime.StoreTime, "clock")
      const layer = SqlControlPlane.layerPostgres({ url }).pipe(
        Layer.provide(clock),
        Layer.provide(PostgresDatabase.secretKey),
      )
      // Migrations are exempt.
      yield* Effect.scoped(Layer.build(layer))
      const statements = new Map<string, ReadonlyArray<unknown>>()
      const record = Statement.setTransformer((statement) =>
        Effect.sync(() => {
          statements.set(...statement.compile())
          return statement
        }),
      )
      yield* Effect.provide(everything, Layer.provide(layer, record)).pipe(Effect.provide(record))

      const pool = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const sql = Context.get(pool, SqlClient.SqlClient)
      yield* sql.unsafe(growth)
      const explained = [...statements].filter(([text]) =>
        /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)/.test(text),
      )
      assert.isAbove(explained.length, 40)
      const slow: Array<string> = []
      for (const [index, [text, values]] of explained.entries()) {
        if (mayReadAll(text)) continue
        yield* sql.unsafe(`PREPARE p${index} AS ${text}`)
        const given = values.length === 0 ? "" : `(${values.map(literal).join(", ")})`
        const [row] = yield* sql.unsafe<{ readonly "QUERY PLAN": ReadonlyArray<{ readonly Plan: Node }> }>(
          `EXPLAIN (FORMAT JSON) EXECUTE p${index}${given}`,
        )
        const nodes = nodesOf(row!["QUERY PLAN"][0]!.Plan)
        const isSlow = (node: Node) => readsAll(node) || isParallel(node) || (isClaim(text) && sorts(node))
        for (const node of nodes.filter(isSlow)) {
          slow.push(`${node["Node Type"]} ${node["Index Name"] ?? ""} of ${node["Relation Name"]}: ${text}`)
        }
      }
      deepStrictEqual(slow, [])
    }),
  )

  it.scoped("each table that grows with runs is vacuumed by how many rows have changed", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const pool = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const tables = yield* Effect.gen(function* () {
        yield* Migrations.apply(Migrations.all)
        const sql = yield* SqlClient.SqlClient
        return yield* sql<{ readonly name: string }>`SELECT relname::text AS name FROM pg_class
          WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
            AND NOT array_to_string(reloptions, ' ') LIKE '%autovacuum_vacuum_scale_factor=0.01%' IS TRUE ORDER BY 1`
      }).pipe(Effect.provide(pool))
      // These have a row for each thing that people name, a minute or an hour, not for each run.
      deepStrictEqual(
        tables.map(({ name }) => name),
        [
          "bulk_operations",
          "counter_sums",
          "credentials",
          "flows",
          "limit_agents",
          "limits",
          "named_limits",
          "projects",
          "rollouts",
          "runlease_migrations",
          "runlease_outbox_refused",
          "schedules",
          "webhook_endpoints",
          "webhook_sources",
          "workers",
        ],
      )
    }),
  )
})
