/**
 * Whether a PostgreSQL database has the tables and indexes of its version, all of them valid.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as AppliedMigrations from "./AppliedMigrations.js"
import * as Expected from "./Expected.js"
import * as IndexFinding from "./IndexFinding.js"

interface IndexRow {
  readonly table: string
  readonly name: string
  readonly valid: boolean
  readonly unique: boolean
  readonly columns: ReadonlyArray<string>
}

/** Without a stop of writes while the index is built. */
const create = ({ statement }: Expected.Index): string =>
  statement.replace(/^CREATE (UNIQUE )?INDEX /, (text) => `${text}CONCURRENTLY `)

const repairOf = ({ name, valid }: IndexRow) =>
  valid ? [] : [{ what: `${name} is not valid`, repair: `REINDEX INDEX CONCURRENTLY ${name}` }]

export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "indexes",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const expected = yield* Expected.upTo(yield* AppliedMigrations.last)
    const tables = yield* sql<{ readonly name: string }>`SELECT c.relname::text AS name FROM pg_class c
      WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')`
    const found = yield* sql<IndexRow>`SELECT t.relname::text AS "table", c.relname::text AS name,
        i.indisvalid AND i.indisready AS valid, i.indisunique AS unique,
        ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place) AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
      WHERE t.relnamespace = current_schema()::regnamespace`
    const names = new Set(tables.map(({ name }) => name))
    const indexes = new Map(found.map((row) => [row.name, row]))
    const covers = ({ columns, table }: Expected.UniqueColumns) =>
      found.some(
        (row) =>
          row.table === table && row.unique && row.columns.toSorted().join() === columns.toSorted().join(),
      )
    return IndexFinding.of(
      expected,
      {
        tables: expected.tables.filter((name) => !names.has(name)),
        indexes: expected.indexes.filter(({ name }) => !indexes.has(name)),
        others: [
          ...found.filter(({ table }) => expected.tables.includes(table)).flatMap(repairOf),
          ...expected.unique
            .filter((each) => !covers(each))
            .map(({ columns, table }) => ({
              what: `${table} has no unique index of ${columns.join(", ")}`,
              repair: `CREATE UNIQUE INDEX CONCURRENTLY ON ${table} (${columns.join(", ")})`,
            })),
        ],
      },
      create,
    )
  }),
}
