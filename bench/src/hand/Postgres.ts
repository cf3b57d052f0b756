/**
 * The baseline on PostgreSQL: one prepared statement for each step of a batch, on one connection of `pg`, into the
 * tables and indexes of the real store, without its checks.
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import * as Postgres from "../Postgres.js"
import type { Hand } from "./Hand.js"
import { submission } from "../Submission.js"
import { begun, claimsCounted, delta, type ClaimedRow, endsCounted, runFinished, workerId } from "./Rows.js"

/** Generic plans that use the indexes, like those of the store. */
const settings = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;
  SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off`

const moved = `run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id, latest_sequence,
  log_state, updated_at, started_at, lease_owner, lease_expires_at, claim_id, claimed_at, renewals, renewed_at, longest_gap`

const claimRuns = `
  WITH found AS MATERIALIZED (
    SELECT q.run_pk FROM queue q
    WHERE q.gate = 0 AND q.project_id = $1 AND q.implementation_kind IS NULL AND q.worker_key IS NULL
    ORDER BY q.project_id, q.implementation_kind, q.worker_key, q.priority DESC, q.rank, q.run_pk
    LIMIT $2 FOR UPDATE OF q SKIP LOCKED
  ), taken AS (
    DELETE FROM queue USING found WHERE queue.run_pk = found.run_pk RETURNING queue.*
  ), leased AS (
    INSERT INTO leases (${moved})
    SELECT run_pk, project_id, lane, gate, available_at, attempt + 1, lease_epoch + 1, 1, latest_sequence, $5, $4, $4, $3,
      $4::bigint + 60000, $6, $4, 0, $4, 0 FROM taken
  ), claimed AS (
    SELECT r.run_pk, r.run_id, r.conversation_id, i.snapshot FROM taken t JOIN runs r ON r.run_pk = t.run_pk
    JOIN inputs i ON i.run_pk = t.run_pk AND i.input = 0
  ), logged AS (
    INSERT INTO events (run_pk, event_id, sequence, payload, created_at)
    SELECT run_pk, 1, NULL,
      '{"type":"RUN_STARTED","threadId":"' || conversation_id || '","runId":"' || run_id || '"}', $4::bigint
    FROM claimed
  ), counted AS (
    INSERT INTO counter_deltas (project_id, agent_id, minute, counters) VALUES ($1, $7, $8, $9)
  )
  SELECT run_pk::int, run_id, conversation_id, snapshot FROM claimed`

const completeRuns = `
  WITH ended AS (
    DELETE FROM leases USING unnest($1::bigint[], $2::text[]) v (pk, payload)
    WHERE leases.run_pk = v.pk AND lease_owner = $3 AND lease_epoch = 1
    RETURNING leases.*, v.payload
  ), kept AS (
    INSERT INTO outcomes (${moved}, status, finished_at)
    SELECT run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id + 1, latest_sequence, NULL, $4,
      started_at, lease_owner, lease_expires_at, claim_id, claimed_at, renewals, renewed_at, longest_gap, 'completed', $4
    FROM ended
  ), counted AS (
    INSERT INTO counter_deltas (project_id, agent_id, minute, counters) VALUES ($5, $6, $7, $8)
  )
  INSERT INTO events (run_pk, event_id, sequence, payload, created_at)
  SELECT run_pk, latest_event_id + 1, NULL, payload, $4::bigint FROM ended`

const appendEvents = `
  WITH grown AS (
    UPDATE leases SET latest_event_id = latest_event_id + v.count, latest_sequence = latest_sequence + v.count,
      updated_at = $5
    FROM unnest($1::bigint[], $2::int[]) v (run_pk, count)
    WHERE leases.run_pk = v.run_pk AND lease_owner = $6 AND lease_epoch = 1
    RETURNING leases.run_pk, latest_event_id - v.count AS event_id, latest_sequence - v.count AS sequence
  )
  INSERT INTO events (run_pk, event_id, sequence, payload, created_at)
  SELECT grown.run_pk, event_id + e.place, sequence + e.place, e.payload, $5::bigint
  FROM unnest($3::bigint[], $4::int[], $7::text[]) e (run_pk, place, payload)
  JOIN grown ON grown.run_pk = e.run_pk`

const connect = (client: Postgres.Client, project: string): Hand => {
  const claim = async (limit: number): Promise<ReadonlyArray<ClaimedRow>> => {
    const now = Date.now()
    const { counters, minute } = claimsCounted(now, limit)
    const { rows } = await client.query<ClaimedRow>({
      name: "claim",
      text: claimRuns,
      values: [project, limit, workerId, now, begun, randomUUID(), submission.agentId, minute, counters],
    })
    for (const run of rows) JSON.parse(run.snapshot)
    return rows
  }

  const complete = (runs: ReadonlyArray<ClaimedRow>) => {
    const now = Date.now()
    const { counters, minute } = endsCounted(now, runs.length)
    return client.query({
      name: "complete",
      text: completeRuns,
      values: [
        runs.map((run) => run.run_pk),
        runs.map(runFinished),
        workerId,
        now,
        project,
        submission.agentId,
        minute,
        counters,
      ],
    })
  }

  const append = (mentions: ReadonlyArray<ClaimedRow>) => {
    const counts = new Map<number, number>()
    const places = mentions.map(({ run_pk }) => {
      const place = (counts.get(run_pk) ?? 0) + 1
      counts.set(run_pk, place)
      return place
    })
    return client.query({
      name: "append",
      text: appendEvents,
      values: [
        Array.from(counts.keys()),
        Array.from(counts.values()),
        mentions.map((run) => run.run_pk),
        places,
        Date.now(),
        workerId,
        mentions.map(delta),
      ],
    })
  }

  return { append, claim, complete }
}

/** Opens a connection to a database with the store's tables. The Scope closes it. */
export const open = (url: string) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    yield* Effect.promise(() => client.query(settings))
    const { rows } = yield* Effect.promise(() =>
      client.query<{ readonly id: string }>("SELECT id FROM projects LIMIT 1"),
    )
    return connect(client, rows[0]!.id)
  })
