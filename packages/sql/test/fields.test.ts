import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import Sqlite from "better-sqlite3"
import { Effect, Layer, Record } from "effect"
import type { Columns } from "../src/rows/Columns.js"
import { stateColumns } from "../src/rows/RunFields.js"
import { claimColumns, runColumns } from "../src/rows/RunRow.js"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

interface Column {
  readonly table: string
  readonly name: string
  readonly type: string
}

/** The tables of runs as the table of fields has them. */
const expected: Record.ReadonlyRecord<string, Columns> = {
  runs: { run_pk: "integer", ...runColumns },
  ...stateColumns,
  claims: { run_pk: "integer", ...claimColumns, project_id: "text" },
}

const sorted = (columns: Columns): ReadonlyArray<string> =>
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .toSorted()

/** The same of the tables that a database has. */
const columnsOf = (found: ReadonlyArray<Column>) =>
  Record.map(expected, (_columns, table) =>
    found
      .filter((column) => column.table === table)
      .map(({ name, type }) => `${name} ${type.toLowerCase().replace("bigint", "integer")}`)
      .toSorted(),
  )

const names = Object.keys(expected)

const ofSqlite = (file: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Sqlite(file, { readonly: true })),
    (database) =>
      Effect.sync(() =>
        names.flatMap((table) =>
          database
            .prepare<[string], Column>(`SELECT ? AS "table", name, type FROM pragma_table_info('${table}')`)
            .all(table),
        ),
      ),
    (database) => Effect.sync(() => database.close()),
  )

describe("the table of fields has the columns of the tables, and no others", () => {
  it.scopedLive("on SQLite", () =>
    Effect.gen(function* () {
      const file = yield* TempDatabase.filename
      yield* Layer.build(SqlControlPlane.layerSqlite({ filename: file }))
      deepStrictEqual(columnsOf(yield* ofSqlite(file)), Record.map(expected, sorted))
    }),
  )

  it.scopedLive("on PostgreSQL", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      yield* Layer.build(SqlControlPlane.layerPostgres({ url }))
      const found = yield* PostgresDatabase.ask<Column>(
        url,
        `SELECT table_name AS table, column_name AS name, data_type AS type FROM information_schema.columns
          WHERE table_schema = current_schema()`,
      )
      deepStrictEqual(columnsOf(found), Record.map(expected, sorted))
    }),
  )
})
