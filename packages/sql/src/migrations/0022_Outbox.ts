/**
 * The outbox: submissions that other programs insert in transactions of their own, and those that became no run.
 *
 * Any program may insert, so each column but the submission has a default, and an id is made where a row has none: a UUID of version 7. On
 * PostgreSQL a trigger wakes the servers at the commit, and `runlease_submit` inserts by a call.
 *
 * Source: docs/decisions/0140-submission-by-a-row.md
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const postgres: ReadonlyArray<string> = [
  `CREATE OR REPLACE FUNCTION runlease_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
      substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1), 'hex')::uuid
  $$`,
  `CREATE TABLE IF NOT EXISTS runlease_outbox (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE DEFAULT runlease_uuid(),
    project TEXT NOT NULL DEFAULT 'default',
    submission JSONB NOT NULL,
    trace TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
  ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE TABLE IF NOT EXISTS runlease_outbox_refused (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    project TEXT NOT NULL,
    submission JSONB NOT NULL,
    trace TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    refused_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    code TEXT NOT NULL,
    message TEXT NOT NULL
  )`,
  `CREATE OR REPLACE FUNCTION runlease_outbox_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('runlease_outbox', '');
      RETURN NULL;
    END
  $$`,
  `CREATE OR REPLACE TRIGGER runlease_outbox_inserted AFTER INSERT ON runlease_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION runlease_outbox_inserted()`,
  `CREATE OR REPLACE FUNCTION runlease_submit(agent TEXT, input JSONB, options JSONB DEFAULT '{}') RETURNS uuid
    LANGUAGE sql VOLATILE AS $$
    INSERT INTO runlease_outbox (id, project, submission, trace)
    VALUES (
      COALESCE((options ->> 'id')::uuid, runlease_uuid()),
      COALESCE(options ->> 'project', 'default'),
      (options - 'id' - 'project' - 'trace') || jsonb_build_object('agent', agent, 'input', input),
      options ->> 'trace'
    )
    RETURNING id
  $$`,
]

/** Milliseconds since the epoch as 12 hexadecimal digits, by functions that each SQLite has. */
const millis = `printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))`

const uuid = `(substr(${millis}, 1, 8) || '-' || substr(${millis}, 9, 4)
  || '-7' || substr(lower(hex(randomblob(2))), 1, 3)
  || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(lower(hex(randomblob(2))), 1, 3)
  || '-' || lower(hex(randomblob(6))))`

const instant = `(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))`

const sqlite: ReadonlyArray<string> = [
  `CREATE TABLE IF NOT EXISTS runlease_outbox (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE DEFAULT ${uuid},
    project TEXT NOT NULL DEFAULT 'default',
    submission TEXT NOT NULL CHECK (json_valid(submission)),
    trace TEXT,
    created_at TEXT NOT NULL DEFAULT ${instant}
  )`,
  `CREATE TABLE IF NOT EXISTS runlease_outbox_refused (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    submission TEXT NOT NULL,
    trace TEXT,
    created_at TEXT NOT NULL,
    refused_at TEXT NOT NULL DEFAULT ${instant},
    code TEXT NOT NULL,
    message TEXT NOT NULL
  )`,
]

/** The statements of each dialect. They change nothing where the tables are there. */
export const statements = { postgres, sqlite }

export default Effect.flatMap(SqlClient, (sql) =>
  Effect.forEach(
    sql.onDialectOrElse({ sqlite: () => sqlite, orElse: () => postgres }),
    (statement) => sql.unsafe(statement),
    { discard: true },
  ),
)
