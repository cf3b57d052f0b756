/**
 * The baseline on PostgreSQL: one prepared statement for each step of a batch, on one connection of `pg`, into the
 * tables and indexes of the real store, without its checks.
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import * as Postgres from "../Postgres.js"
import type { Hand } from "./Hand.js"
import { begun, delta, ended, type ClaimedRow, runFinished, workerId } from "./Rows.js"

/** Generic plans that use the indexes, like those of the store. */
const settings = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;
  SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off`

const claimRuns = `
  WITH found AS MATERIALIZED (
    SELECT r.run_pk, d.snapshot FROM runs r JOIN run_details d ON d.run_pk = r.run_pk
    WHERE r.status = 'pending' AND r.gate = 0 AND r.project_id = $1 AND r.implementation_kind IS NULL
      AND r.worker_key IS NULL
    ORDER BY r.project_id, r.implementation_kind, r.worker_key, r.priority DESC, r.run_pk
    LIMIT $2 FOR UPDATE OF r SKIP LOCKED
  ), claimed AS (
    UPDATE runs SET status = 'running', attempt = attempt + 1, lease_owner = $3, lease_epoch = lease_epoch + 1,
      lease_expires_at = $4::bigint + 60000, claim_id = $6, started_at = $4, updated_at = $4, latest_event_id = 1, log_state = $5
    FROM found WHERE runs.run_pk = found.run_pk
    RETURNING runs.run_pk, run_id, conversation_id, found.snapshot
  ), logged AS (
    INSERT INTO events (run_pk, event_id, sequence, payload, created_at)
    SELECT run_pk, 1, NULL,
      '{"type":"RUN_STARTED","threadId":"' || conversation_id || '","runId":"' || run_id || '"}', $4::bigint
    FROM claimed
  )
  SELECT run_pk::int, run_id, conversation_id, snapshot FROM claimed`

const completeRuns = `
  WITH ended AS (
    UPDATE runs SET status = 'completed', finished_at = $4, updated_at = $4, latest_event_id = latest_event_id + 1,
      log_state = $5
    FROM unnest($1::bigint[], $2::text[]) v (run_pk, payload)
    WHERE runs.run_pk = v.run_pk AND lease_owner = $3 AND lease_epoch = 1 AND status = 'running'
    RETURNING runs.run_pk, latest_event_id, v.payload
  )
  INSERT INTO events (run_pk, event_id, sequence, payload, created_at)
  SELECT run_pk, latest_event_id, NULL, payload, $4::bigint FROM ended`

const appendEvents = `
  WITH grown AS (
    UPDATE runs SET latest_event_id = latest_event_id + v.count, latest_sequence = latest_sequence + v.count,
      updated_at = $5
    FROM unnest($1::bigint[], $2::int[]) v (run_pk, count)
    WHERE runs.run_pk = v.run_pk AND lease_owner = $6 AND lease_epoch = 1 AND status = 'running'
    RETURNING runs.run_pk, latest_event_id - v.count AS event_id, latest_sequence - v.count AS sequence
  )
  INSERT INTO events (run_pk, event_id, sequence, payload, created_at)
  SELECT grown.run_pk, event_id + e.place, sequence + e.place, e.payload, $5::bigint
  FROM unnest($3::bigint[], $4::int[], $7::text[]) e (run_pk, place, payload)
  JOIN grown ON grown.run_pk = e.run_pk`

const connect = (client: Postgres.Client, project: string): Hand => {
  const claim = async (limit: number): Promise<ReadonlyArray<ClaimedRow>> => {
    const { rows } = await client.query<ClaimedRow>({
      name: "claim",
      text: claimRuns,
      values: [project, limit, workerId, Date.now(), begun, randomUUID()],
    })
    for (const run of rows) JSON.parse(run.snapshot)
    return rows
  }

  const complete = (runs: ReadonlyArray<ClaimedRow>) =>
    client.query({
      name: "complete",
      text: completeRuns,
      values: [runs.map((run) => run.run_pk), runs.map(runFinished), workerId, Date.now(), ended],
    })

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
