/**
 * The tables and indexes that migrations make, found by running them on an empty database in memory.
 *
 * Both databases get the same tables, columns and index names, so what SQLite makes is what PostgreSQL must have.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import * as Migrations from "../Migrations.js"
import * as SqliteFile from "../sqlite/SqliteFile.js"

/** An index that a statement makes. */
export interface Index {
  readonly table: string
  readonly name: string
  readonly statement: string
}

/** The columns of a table whose values are unique together, as its definition says. */
export interface UniqueColumns {
  readonly table: string
  readonly columns: ReadonlyArray<string>
}

export interface Expected {
  readonly tables: ReadonlyArray<string>
  readonly indexes: ReadonlyArray<Index>
  readonly unique: ReadonlyArray<UniqueColumns>
}

const own = Migrations.table

const read = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ readonly name: string }>`SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ${own} ORDER BY name`
  const indexes = yield* sql<Index>`SELECT tbl_name AS "table", name, sql AS statement FROM sqlite_master
    WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`
  const unique = yield* sql<{ readonly table: string; readonly columns: string }>`
    SELECT t.name AS "table", (SELECT json_group_array(c.name) FROM pragma_index_info(i.name) c) AS columns
    FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table' AND t.name <> ${own} AND i.origin IN ('u', 'pk')
    UNION ALL
    SELECT t.name, json_array(c.name) FROM sqlite_master t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name <> ${own} AND t.name NOT LIKE 'sqlite_%' AND c.pk = 1
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
export const upTo = (version: number): Effect.Effect<Expected, SqlError> => {
  const migrations = Object.fromEntries(
    Object.entries(Migrations.all).filter(([name]) => Migrations.numberOf(name) <= version),
  )
  return Effect.zipRight(Migrations.apply(migrations), read).pipe(
    Effect.provide(SqliteFile.layerWith({ filename: ":memory:" })),
    // A database in memory is made of nothing but this program.
    Effect.catchTags({ ControlPlaneUnavailable: Effect.die, SqliteFileUnusable: Effect.die }),
  )
}
