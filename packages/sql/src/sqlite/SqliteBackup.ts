/** Back-ups of an SQLite file that is in use. */
import * as FileSystem from "@effect/platform/FileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Schema } from "effect"
import * as SqliteFile from "./SqliteFile.js"

/** The back-up failed. The destination is as it was before. */
export class SqliteBackupFailed extends Schema.TaggedError<SqliteBackupFailed>(
  "@runlease/sql/SqliteBackupFailed",
)("SqliteBackupFailed", { filename: Schema.String, message: Schema.String }) {}

const reasonOf = (error: SqlError | PlatformError | SqliteFile.SqliteFileUnusable): string =>
  error._tag === "SqlError" && error.cause instanceof Error ? error.cause.message : error.message

/** Reads a file that other processes may be writing, and never writes it. */
const reading = <A>(filename: string, read: (sql: SqlClient.SqlClient) => Effect.Effect<A, SqlError>) =>
  Effect.flatMap(SqlClient.SqlClient, read).pipe(Effect.provide(SqliteFile.reader(filename)))

/**
 * Copies the database as it is at one moment, and checks the copy. `destination` appears when it is whole and on the
 * disk; it must not exist before. Other processes go on meanwhile, but the caller's thread is blocked, so a server runs
 * this in a separate process.
 *
 * Units: `bytes` is the size of the copy.
 * Fails: `SqliteBackupFailed`, with the reason.
 */
export const write = Effect.fn("SqliteBackup.write")(function* (options: {
  readonly filename: string
  readonly destination: string
}): Effect.fn.Return<{ readonly bytes: number }, SqliteBackupFailed, FileSystem.FileSystem> {
  const { destination, filename } = options
  const fs = yield* FileSystem.FileSystem
  const failed = (message: string) => new SqliteBackupFailed({ filename, message })
  const partial = `${destination}.partial`

  const copy = Effect.gen(function* () {
    if (!(yield* fs.exists(filename))) return yield* failed(`${filename} does not exist`)
    if (yield* fs.exists(destination)) return yield* failed(`${destination} exists; name another file`)
    yield* fs.remove(partial, { force: true })
    // The file is private to its owner before it has contents.
    yield* fs.writeFile(partial, new Uint8Array(), { flag: "wx", mode: 0o600 })
    yield* reading(filename, (sql) => sql`VACUUM INTO ${partial}`)
    const [check] = yield* reading(
      partial,
      (sql) => sql<{ readonly integrity_check: string }>`PRAGMA integrity_check`,
    )
    if (check?.integrity_check !== "ok") {
      return yield* failed(`${filename} is damaged: ${check?.integrity_check}`)
    }
    yield* Effect.scoped(Effect.flatMap(fs.open(partial, { flag: "r+" }), (file) => file.sync))
    const { size } = yield* fs.stat(partial)
    yield* fs.rename(partial, destination)
    return { bytes: Number(size) }
  })
  return yield* copy.pipe(
    Effect.mapError((error) =>
      error._tag === "SqliteBackupFailed"
        ? error
        : failed(`${filename} could not be copied to ${destination}: ${reasonOf(error)}`),
    ),
    Effect.ensuring(Effect.ignore(fs.remove(partial, { force: true }))),
  )
})
