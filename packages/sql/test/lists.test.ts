import * as SqlClient from "@effect/sql/SqlClient"
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, Runs } from "@runlease/core"
import { Chunk, Effect, Layer, Option, Stream } from "effect"
import { SqlControlPlane, SqliteFile } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

/** 12,000 runs with one label: the three oldest of agent `rare`, which failed, and then as many of `busy`, which completed, as of `other`, which failed. */
const growth = [
  `INSERT INTO runs (project_id, run_id, conversation_id, message_id, agent_id, priority, max_attempts, created_at, root_run_id, labels)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 12000)
    SELECT p.id, 'run-' || n, 'conversation-' || n, 'message-' || n,
      CASE WHEN n <= 3 THEN 'rare' WHEN n % 2 = 0 THEN 'busy' ELSE 'other' END, 0, 3, 0, 'run-' || n, '{"env":"live"}'
    FROM projects p, numbers`,
  `INSERT INTO outcomes (run_pk, project_id, gate, available_at, attempt, lease_epoch, latest_event_id, latest_sequence, updated_at,
      status, finished_at)
    SELECT run_pk, project_id, 0, 0, 1, 1, 1, 0, 0, CASE WHEN agent_id = 'busy' THEN 'completed' ELSE 'failed' END, 1 FROM runs`,
  "INSERT INTO run_labels (project_id, name, value, run_pk) SELECT project_id, 'env', 'live', run_pk FROM runs",
]

it.scoped("a list of several conditions begins at the rarest, and looks at a bounded number of runs", () =>
  Effect.gen(function* () {
    const filename = yield* TempDatabase.filename
    const control = Layer.provideMerge(SqlControlPlane.layer, SqliteFile.layerWith({ filename }))
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Effect.forEach(growth, (statement) => sql.unsafe(statement), { discard: true })
      const runs = yield* Runs.Runs
      const [busy, rare] = [Ids.AgentId.make("busy"), Ids.AgentId.make("rare")]
      const labels = { env: "live" }
      // All of them are on the first page, as none of the others is looked at.
      for (const filter of [{ status: "failed" }, { labels }, { status: "failed", labels }] as const) {
        const { items, next } = yield* runs.list({ agentId: rare, ...filter })
        deepStrictEqual([items.map(({ runId }) => runId), next], [["run-3", "run-2", "run-1"], null])
      }
      for (const filter of [
        { agentId: busy, status: "failed" },
        { status: "cancelled", labels },
      ] as const) {
        const pages = yield* Stream.paginateEffect(undefined as string | undefined, (cursor) =>
          Effect.map(runs.list({ ...filter, cursor }), (page) => [page, Option.fromNullable(page.next)]),
        ).pipe(Stream.runCollect)
        strictEqual(
          Chunk.reduce(pages, 0, (count, { items }) => count + items.length),
          0,
        )
        strictEqual(Chunk.size(pages), "agentId" in filter ? 2 : 1)
      }
      const { items, next } = yield* runs.list({ agentId: busy, status: "completed", labels, limit: 10 })
      strictEqual(items.length, 10)
      assertTrue(next !== null)
    }).pipe(Effect.provide(control))
  }),
)
