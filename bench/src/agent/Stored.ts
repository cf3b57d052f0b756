/** The bytes that a store has. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import * as Postgres from "../Postgres.js"
import type { StoreOptions } from "../Stores.js"

const ofSqlite = (filename: string) =>
  Effect.sync(() => {
    const database = new Sqlite(filename)
    database.pragma("wal_checkpoint(TRUNCATE)")
    const of = (pragma: string): number => Number(database.pragma(pragma, { simple: true }))
    const bytes = (of("page_count") - of("freelist_count")) * of("page_size")
    database.close()
    return bytes
  })

/** Of a database of PostgreSQL, with its indexes. */
export const ofPostgres = (url: string): Effect.Effect<number> =>
  Postgres.withClient(url, async (client) => {
    await Postgres.tidy(client)
    const { rows } = await client.query<{ readonly bytes: string }>(
      "SELECT pg_database_size(current_database()) AS bytes",
    )
    return Number(rows[0]!.bytes)
  })

export const ofStore = (store: StoreOptions): Effect.Effect<number> =>
  store._tag === "Postgres" ? ofPostgres(store.url) : ofSqlite(store.filename)

/** A file may end between the listing and the reading. */
const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}

/** Of all files below a folder. */
export const ofFolder = (folder: string): Effect.Effect<number> =>
  Effect.promise(async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    const sizes = await Promise.all(files.map(({ name, parentPath }) => sizeOf(join(parentPath, name))))
    return sizes.reduce((sum, size) => sum + size, 0)
  })
