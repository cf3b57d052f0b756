/** The runs that take later submissions of a key. */
import type { SqlError } from "@effect/sql/SqlError"
import type { RunRows } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import * as RunQueries from "./RunQueries.js"

const columns = { project_id: "text", agent_id: "text", debounce_key: "text" } as const

/** What the lock of a key is called: no lane has such a name. */
const lockOf = ({ agentId, key, projectId }: RunRows.Debounced): string =>
  JSON.stringify(["debounce", projectId, agentId, key])

/** The runs of these keys that no worker has claimed, from the oldest on, and locked. No run of the keys is added until the commit. */
export const read = (
  database: Database,
  names: ReadonlyArray<RunRows.Debounced>,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    yield* dialect.lockNames(names.map(lockOf))
    const rows = dialect.rows(
      columns,
      names.map(({ agentId, key, projectId }) => ({
        project_id: projectId,
        agent_id: agentId,
        debounce_key: key,
      })),
    )
    const keys = yield* execute(
      sql<{
        readonly run_pk: number
      }>`SELECT q.run_pk FROM ${rows} v JOIN queue q ON q.project_id = v.project_id
        AND q.agent_id = v.agent_id AND q.debounce_key = v.debounce_key AND q.debounce_key IS NOT NULL`,
    )
    if (keys.length === 0) return []
    const found = yield* RunQueries.findUnfinished(
      database,
      keys.map(({ run_pk }) => run_pk),
    )
    return found.toSorted((a, b) => a.key - b.key)
  })
