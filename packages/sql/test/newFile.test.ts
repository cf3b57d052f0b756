import * as SqlClient from "@effect/sql/SqlClient"
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Layer } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { Migrations, SqlControlPlane, SqliteFile } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

interface Made {
  readonly name: string
  readonly type: string
  readonly sql: string
}

/** What a file has after `make`: its tables and indexes as they were made, and its migrations. */
const madeBy = (make: Effect.Effect<void, unknown, SqlClient.SqlClient>) =>
  Effect.gen(function* () {
    yield* make
    const sql = yield* SqlClient.SqlClient
    return {
      made: yield* sql<Made>`SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid`,
      migrations: yield* sql<{
        readonly migration_id: number
        readonly name: string
      }>`SELECT migration_id, name FROM runlease_migrations ORDER BY migration_id`,
    }
  }).pipe(
    Effect.provide(
      Layer.unwrapScoped(Effect.map(TempDatabase.filename, (filename) => SqliteFile.layerWith({ filename }))),
    ),
  )

it.scopedLive("a new file has what all migrations make, and their history", () =>
  Effect.gen(function* () {
    const migrated = yield* madeBy(Migrations.apply(Migrations.all))
    const rows = migrated.migrations.map(({ migration_id, name }) => `(${migration_id}, '${name}')`)
    const statements = [
      ...migrated.made.map(({ sql }) => sql),
      `INSERT INTO ${Migrations.table} (migration_id, name) VALUES\n  ${rows.join(",\n  ")}`,
    ].map((statement) => `${statement};\n`)
    const module = [
      "/** What all migrations make in a new SQLite file. A test of `sql` writes it. */",
      `export const tables = \`\n${statements.join("").replaceAll(/[\\`$]/g, String.raw`\$&`)}\`\n`,
    ].join("\n")
    // After a new migration, `NEW_FILE=write npx vitest run packages/sql/test/newFile.test.ts` writes the module anew.
    const path = new URL("../src/sqlite/NewFileTables.ts", import.meta.url)
    if (process.env["NEW_FILE"] === "write") writeFileSync(path, module)
    strictEqual(readFileSync(path, "utf8"), module)
    deepStrictEqual(yield* madeBy(SqlControlPlane.migrate), migrated)
  }),
)
