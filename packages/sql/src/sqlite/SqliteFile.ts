/** Opening an SQLite file as a control plane needs it. */
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Layer, Option, Schema } from "effect"
import * as fs from "node:fs"
import * as Checkpoints from "./Checkpoints.js"
import * as SqliteFileCheck from "../dialect/SqliteFileCheck.js"
import { busyTimeout, layer as connection } from "./SqliteConnection.js"

/**
 * `filename`: a path whose folder exists, or `:memory:`. `synchronous`: `normal` when absent, which survives a
 * crash of the process; `full` also survives a loss of power, and waits for the disk at every commit.
 */
export interface Options {
  readonly filename: string
  readonly synchronous?: "normal" | "full" | undefined
}

/** The file cannot be used as a database. */
export class SqliteFileUnusable extends Schema.TaggedError<SqliteFileUnusable>(
  "@runlease/sql/SqliteFileUnusable",
)("SqliteFileUnusable", {
  filename: Schema.String,
  reason: Schema.Literal("missing_folder", "missing_driver", "not_writable", "not_a_database", "other"),
  cause: Schema.optional(Schema.Defect),
}) {
  override get message() {
    const reason = this.cause instanceof Error ? this.cause.message : String(this.cause)
    switch (this.reason) {
      case "missing_folder":
        return `${this.filename} cannot be opened: its folder does not exist`
      case "missing_driver":
        return "SQLite cannot be used: the native part of its driver is missing, or is for another Node.js. Build it with: npm rebuild better-sqlite3"
      case "not_writable":
        return `${this.filename} cannot be opened for writing: ${reason}`
      case "not_a_database":
        return `${this.filename} is not an SQLite database, or is damaged: ${reason}`
      case "other":
        return `${this.filename} cannot be opened: ${reason}`
    }
  }
}

const reasonOf = (error: Error): SqliteFileUnusable["reason"] => {
  if (error.message.includes("directory does not exist")) return "missing_folder"
  const code = "code" in error ? String(error.code) : ""
  if (/^SQLITE_(NOTADB|CORRUPT|FORMAT)/.test(code)) return "not_a_database"
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH|IOERR|FULL)/.test(code)) return "not_writable"
  return "other"
}

/** The places where the driver looks for its native part, and the stacks, say nothing that helps. */
const missingDriver = (filename: string): SqliteFileUnusable => {
  const error = new SqliteFileUnusable({ filename, reason: "missing_driver" })
  error.stack = `${error.name}: ${error.message}`
  return error
}

const isMissingDriver = (cause: Error): boolean =>
  cause.message.includes("bindings file") || ("code" in cause && cause.code === "ERR_DLOPEN_FAILED")

const unusable =
  (filename: string) =>
  (cause: unknown): SqliteFileUnusable => {
    if (!(cause instanceof Error)) return new SqliteFileUnusable({ filename, reason: "other", cause })
    return isMissingDriver(cause)
      ? missingDriver(filename)
      : new SqliteFileUnusable({ filename, reason: reasonOf(cause), cause })
  }

/** Builds a client whose driver throws when the file is unusable. */
const usable = <A>(filename: string, client: Layer.Layer<A>): Layer.Layer<A, SqliteFileUnusable> =>
  Layer.scopedContext(
    Effect.catchSomeDefect(Layer.build(client), (defect) =>
      defect instanceof Error ? Option.some(unusable(filename)(defect)) : Option.none(),
    ),
  )

/** The file as it is, to read it. */
export const reader = (filename: string): Layer.Layer<SqlClient.SqlClient, SqliteFileUnusable> =>
  usable(filename, Layer.orDie(SqliteClient.layer({ filename, readonly: true, disableWAL: true })))

/**
 * Makes the file before SQLite does, for its owner alone; its -wal and -shm get the same mode. A file that exists keeps
 * its mode, since its owner may have opened it to a group. It is never opened here: closing it would drop the locks that
 * another connection of this process holds.
 */
const keepPrivate = Effect.fnUntraced(function* (filename: string) {
  // If this fails, the file exists, or SQLite fails with the reason.
  yield* Effect.ignore(Effect.try(() => fs.closeSync(fs.openSync(filename, "wx", 0o600))))
  const mode = yield* Effect.orElseSucceed(
    Effect.try(() => fs.statSync(filename).mode),
    () => 0,
  )
  if ((mode & 0o007) === 0) return
  yield* Effect.logWarning(
    `${filename} can be read by every user of this machine; keep it to its owner with: chmod 600 ${filename}*`,
  )
})

/**
 * Opens the file, which is made when absent, for its owner alone, and watches that it stays where it is.
 *
 * Fails: `SqliteFileUnusable`, with the reason.
 */
export const layerWith = ({
  filename,
  synchronous = "normal",
}: Options): Layer.Layer<SqlClient.SqlClient, SqliteFileUnusable> => {
  const settings = Layer.effectDiscard(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql.unsafe(`PRAGMA synchronous = ${synchronous}`)
      yield* sql.unsafe(`PRAGMA busy_timeout = ${busyTimeout}`)
      yield* sql.unsafe("PRAGMA foreign_keys = ON")
      // The first read makes the -wal file.
      yield* sql`SELECT 1 FROM sqlite_master LIMIT 1`
    }).pipe(Effect.mapError(({ cause }) => unusable(filename)(cause))),
  )
  const opened = Layer.provideMerge(settings, usable(filename, connection(filename)))
  if (filename === ":memory:") return opened
  return Layer.scoped(SqliteFileCheck.SqliteFileCheck, SqliteFileCheck.make(filename)).pipe(
    Layer.provideMerge(Checkpoints.layer({ filename, synchronous })),
    Layer.provideMerge(opened),
    Layer.provide(Layer.effectDiscard(keepPrivate(filename))),
  )
}
