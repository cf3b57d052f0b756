/** The rows of a transaction on a SQL database. */
import type { SqlError } from "@effect/sql/SqlError"
import { LimitRules, RunRows } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { type NameRow, unfinishedTables } from "../rows/RunRow.js"
import * as ConversationRows from "./ConversationRows.js"
import * as DetailQueries from "./DetailQueries.js"
import * as DueQueries from "./DueQueries.js"
import * as FlowQueries from "./FlowQueries.js"
import * as InputRows from "./InputRows.js"
import * as LaneQueries from "./LaneQueries.js"
import * as LimitQueries from "./LimitQueries.js"
import * as LogQueries from "./LogQueries.js"
import * as MessageRows from "./MessageRows.js"
import * as RecordQueries from "./RecordQueries.js"
import * as RunQueries from "./RunQueries.js"
import * as RunWrites from "./RunWrites.js"
import * as SummaryQueries from "./SummaryQueries.js"

interface ClaimedRow extends NameRow {
  readonly claim: number
}

/** The runs that name each of these claims: one index probe for each. */
const readClaimedBefore = (
  { sql }: Database,
  claims: ReadonlyArray<RunRows.NamedClaim>,
): Effect.Effect<RunRows.Found["claimedBefore"], SqlError> => {
  const claimedBefore = claims.map((): Array<RunRows.RunRef> => [])
  if (claims.length === 0) return Effect.succeed(claimedBefore)
  const named = claims.map(
    ({ claimId, workerId }, index) => sql`SELECT ${sql.literal(String(index))} AS claim, run_pk FROM leases
      WHERE claim_id = ${claimId} AND lease_owner = ${workerId}`,
  )
  return Effect.map(
    execute(sql<ClaimedRow>`SELECT n.claim, r.project_id, r.run_id
      FROM (${sql.join(" UNION ALL ", false)(named)}) n JOIN runs r ON r.run_pk = n.run_pk`),
    (rows) => {
      for (const { claim, project_id, run_id } of rows) {
        claimedBefore[claim]!.push({ projectId: project_id, runId: run_id })
      }
      return claimedBefore
    },
  )
}

const readRunnable = (
  { dialect }: Database,
  probes: ReadonlyArray<RunRows.Probe>,
): Effect.Effect<RunRows.Found["runnable"], SqlError> =>
  Effect.map(dialect.runnable(probes), (candidates) => {
    const runnable = probes.map((): Array<RunRows.StoredRun> => [])
    for (const { probe, run } of candidates) runnable[probe]!.push(run)
    for (const runs of runnable) runs.sort(RunRows.byPreference)
    return runnable
  })

/** The search for the runs that the claims of a commit may take: one search for all of them. */
export const search = (
  database: Database,
  { claims, probes }: RunRows.Search,
): Effect.Effect<RunRows.Found, SqlError> =>
  Effect.suspend(() => {
    const found: { -readonly [K in keyof RunRows.Found]: RunRows.Found[K] } = {
      due: [],
      scopedLimits: LimitRules.noScopedLimits,
      pinned: false,
      claimedBefore: [],
      runnable: [],
    }
    const reads = [
      Effect.map(DueQueries.readDue(database), (due) => void Object.assign(found, due)),
      Effect.map(
        readClaimedBefore(database, claims),
        (claimedBefore) => void (found.claimedBefore = claimedBefore),
      ),
      Effect.map(readRunnable(database, probes), (runnable) => void (found.runnable = runnable)),
    ]
    return Effect.as(database.dialect.together(reads), found)
  })

// The runs that take later submissions of a key.

const columns = { project_id: "text", agent_id: "text", debounce_key: "text" } as const

/** What the lock of a key is called: no lane has such a name. */
const lockOf = ({ agentId, key, projectId }: RunRows.Debounced): string =>
  JSON.stringify(["debounce", projectId, agentId, key])

/** The runs of these keys that no worker has claimed, from the oldest on, and locked. No run of the keys is added until the commit. */
const read = (
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

export const make = (database: Database): RunRows.RunRows<SqlError> => {
  const { dialect } = database
  return {
    records: RecordQueries.rows(database),
    limits: LimitQueries.make(database),
    filters: SummaryQueries.make(database),
    flows: FlowQueries.make(database),
    now: dialect.now,
    together: dialect.together,
    find: (refs) => RunQueries.findRuns(database, refs),
    findNamed: (names) => InputRows.findNamed(database, names),
    findKeys: (keys, which) =>
      which === "free" ? RunQueries.findFree(database, keys) : RunQueries.findByKey(database, keys),
    openChildren: (parents, limit) => RunQueries.findOpenChildren(database, parents, limit),
    search: (wanted) => search(database, wanted),
    lanesWith: (which, lanes) =>
      which === "unfinished"
        ? LaneQueries.readBusy(database, lanes)
        : LaneQueries.readOfChildren(database, lanes),
    laneRuns: (lanes, which) =>
      LaneQueries.readRuns(database, lanes, which === "waiting" ? ["waits"] : unfinishedTables),
    debounced: (names) => read(database, names),
    advanceLanes: (lanes, admits) =>
      Effect.flatMap(dialect.now, (now) => LaneQueries.advance(database, lanes, { admits, now })),
    details: (runs) => DetailQueries.readDetails(database, runs),
    claimDetails: (runs, request) =>
      request === "first"
        ? DetailQueries.readFirstRequests(database, runs)
        : DetailQueries.readClaimDetails(database, runs, request === "claimed with session"),
    submitted: (runs) => DetailQueries.readSubmitted(database, runs),
    resumeRecords: (keys) => DetailQueries.readResumeRecords(database, keys),
    inputs: (names, keys) => InputRows.read(database, names, keys),
    tail: (ref) => LogQueries.readTail(database, ref),
    conversations: (refs) => ConversationRows.read(database, refs),
    messagesOf: (names) => MessageRows.read(database, names),
    insert: (runs) => Effect.flatMap(dialect.now, (now) => RunWrites.insert(database, runs, now)),
    write: (changes, counted) =>
      Effect.flatMap(dialect.now, (now) => {
        const { exact, statements } = RunWrites.write(database, changes, counted, now)
        return dialect.write(statements, exact)
      }),
  }
}
