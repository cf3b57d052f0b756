/** Whether a database has the tables and indexes that the migrations of this program make. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as Migrations from "../Migrations.js"
import * as SqliteFile from "../sqlite/SqliteFile.js"

/** Whether the database has a table. */
export const hasTable = (name: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql.onDialectOrElse({
        sqlite: () => sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ${name}`,
        orElse: () => sql`SELECT 1 WHERE to_regclass(${name}) IS NOT NULL`,
      }),
      (rows) => rows.length > 0,
    ),
  )

/** The number of the last one; 0 for none. */
const lastMigration: Effect.Effect<number, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  if (!(yield* hasTable(Migrations.table))) return 0
  const [row] = yield* sql<{
    readonly last: number | null
  }>`SELECT MAX(migration_id) AS last FROM ${sql(Migrations.table)}`
  return Number(row?.last ?? 0)
})

/** An index that a statement makes. */
interface Index {
  readonly table: string
  readonly name: string
  readonly statement: string
}

/** The columns of a table whose values are unique together, as its definition says. */
interface UniqueColumns {
  readonly table: string
  readonly columns: ReadonlyArray<string>
}

/**
 * The tables and indexes that migrations make, found by running them on an empty database in memory.
 *
 * Both databases get the same tables, columns and index names, so what SQLite makes is what PostgreSQL must have.
 */
interface Expected {
  readonly tables: ReadonlyArray<string>
  readonly indexes: ReadonlyArray<Index>
  readonly unique: ReadonlyArray<UniqueColumns>
}

const ownTable = Migrations.table

const readExpected = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ readonly name: string }>`SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ${ownTable} ORDER BY name`
  const indexes = yield* sql<Index>`SELECT tbl_name AS "table", name, sql AS statement FROM sqlite_master
    WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`
  const unique = yield* sql<{ readonly table: string; readonly columns: string }>`
    SELECT t.name AS "table", (SELECT json_group_array(c.name) FROM pragma_index_info(i.name) c) AS columns
    FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table' AND t.name <> ${ownTable} AND i.origin IN ('u', 'pk')
    UNION ALL
    SELECT t.name, json_array(c.name) FROM sqlite_master t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name <> ${ownTable} AND t.name NOT LIKE 'sqlite_%' AND c.pk = 1
      AND NOT EXISTS (SELECT 1 FROM pragma_index_list(t.name) i WHERE i.origin = 'pk')`
  const expected: Expected = {
    tables: tables.map(({ name }) => name),
    indexes,
    unique: unique.map(({ columns, table }) => ({
      table,
      columns: JSON.parse(columns) as ReadonlyArray<string>,
    })),
  }
  return expected
})

/** What the migrations up to that number make. */
const expectedAt = (version: number): Effect.Effect<Expected, SqlError> => {
  const migrations = Object.fromEntries(
    Object.entries(Migrations.all).filter(([name]) => Migrations.numberOf(name) <= version),
  )
  return Effect.zipRight(Migrations.apply(migrations), readExpected).pipe(
    Effect.provide(SqliteFile.layerWith({ filename: ":memory:" })),
    // A database in memory is made of nothing but this program.
    Effect.catchTags({ ControlPlaneUnavailable: Effect.die, SqliteFileUnusable: Effect.die }),
  )
}

const versionFindingOf = (applied: number): HealthCheck.Finding => {
  const { latest } = Migrations
  if (applied === latest)
    return HealthCheck.ok(`The tables are of version ${applied}, as this program makes them.`)
  if (applied === 0) {
    return HealthCheck.fail(
      "This database has no tables of Runlease.",
      "Check that --database names the right one; runlease serve makes the tables when it starts.",
    )
  }
  return applied < latest
    ? HealthCheck.fail(
        `The tables are of version ${applied}, and this program needs version ${latest}.`,
        "Start runlease serve of this version: it brings them up to date, and the servers of the version before go on.",
      )
    : HealthCheck.warn(
        `The tables are of version ${applied}, and this program only knows those up to ${latest}.`,
        "Use the runlease of the version that made them; until then an older one continues with what it knows.",
      )
}

/** Whether the tables are those that this program makes. */
export const version: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "tables",
  examine: Effect.map(lastMigration, versionFindingOf),
}

/** What is missing or wrong. `others`: each with the statement that repairs it. */
interface Troubles {
  readonly tables: ReadonlyArray<string>
  readonly indexes: ReadonlyArray<Index>
  readonly others: ReadonlyArray<{ readonly what: string; readonly repair: string }>
}

const indexFindingOf = (
  expected: Expected,
  { indexes, others, tables }: Troubles,
  create: (index: Index) => string = ({ statement }) => statement,
): HealthCheck.Finding => {
  if (tables.length > 0) {
    return HealthCheck.fail(
      `Tables are missing: ${tables.join(", ")}.`,
      "Stop the servers and restore a backup.",
    )
  }
  // The index of a table that is missing is missing with it.
  const troubles = [
    ...indexes.map((index) => ({ what: `${index.name} is missing`, repair: create(index) })),
    ...others,
  ]
  return troubles.length === 0
    ? HealthCheck.ok(`All ${expected.tables.length} tables and ${expected.indexes.length} indexes are there.`)
    : HealthCheck.fail(
        `Of the indexes: ${troubles.map(({ what }) => what).join("; ")}.`,
        `Run: ${troubles.map(({ repair }) => repair.replaceAll(/\s+/g, " ")).join("; ")}`,
      )
}

const sameText = (one: string, other: string): boolean =>
  one.replaceAll(/\s+/g, " ").trim() === other.replaceAll(/\s+/g, " ").trim()

/** Whether an SQLite file has the tables and indexes of its version. Those of unique columns belong to their tables. */
export const sqliteIndexes: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "indexes",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const expected = yield* expectedAt(yield* lastMigration)
    const rows = yield* sql<{ readonly type: string; readonly name: string; readonly sql: string | null }>`
      SELECT type, name, sql FROM sqlite_master`
    const statements = new Map(rows.map((row) => [row.name, row.sql]))
    return indexFindingOf(expected, {
      tables: expected.tables.filter((name) => !statements.has(name)),
      indexes: expected.indexes.filter(({ name }) => !statements.has(name)),
      others: expected.indexes.flatMap(({ name, statement }) => {
        const found = statements.get(name)
        return found == null || sameText(found, statement)
          ? []
          : [
              {
                what: `${name} is another index than it should be`,
                repair: `DROP INDEX ${name}; ${statement}`,
              },
            ]
      }),
    })
  }),
}

interface IndexRow {
  readonly table: string
  readonly name: string
  readonly valid: boolean
  readonly unique: boolean
  readonly columns: ReadonlyArray<string>
}

/** Without a stop of writes while the index is built. */
const createIndex = ({ statement }: Index): string =>
  statement.replace(/^CREATE (UNIQUE )?INDEX /, (text) => `${text}CONCURRENTLY `)

const repairOf = ({ name, valid }: IndexRow) =>
  valid ? [] : [{ what: `${name} is not valid`, repair: `REINDEX INDEX CONCURRENTLY ${name}` }]

/** Whether a PostgreSQL database has the tables and indexes of its version, all of them valid. */
export const postgresIndexes: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "indexes",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const expected = yield* expectedAt(yield* lastMigration)
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
    const covers = ({ columns, table }: UniqueColumns) =>
      found.some(
        (row) =>
          row.table === table && row.unique && row.columns.toSorted().join() === columns.toSorted().join(),
      )
    return indexFindingOf(
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
      createIndex,
    )
  }),
}
