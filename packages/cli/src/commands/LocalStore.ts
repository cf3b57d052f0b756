/**
 * The store of a server in this process.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import type { Access, ControlPlane, ControlPlaneError } from "@runlease/core"
import { SqlControlPlane, type SqliteFile } from "@runlease/sql"
import { type ConfigError, Effect, Layer } from "effect"
import type * as Database from "../input/Database.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"

/** Makes the folder of a file, readable by its owner only. */
const makeFolder = Effect.fnUntraced(function* (filename: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* Effect.mapError(
    fs.makeDirectory(path.dirname(path.resolve(filename)), { recursive: true, mode: 0o700 }),
    (error) =>
      new CommandFailure({
        message: `The folder of ${filename} cannot be made: ${error.message}`,
        hint: "Name a file in a folder that you may write to with --database sqlite:PATH.",
        exitCode: ExitCode.unavailable,
      }),
  )
})

/** The control plane on the database. `synchronous` applies to SQLite only. */
export const controlPlane = (
  database: Database.Sqlite | Database.Postgres,
  synchronous: "normal" | "full",
): Layer.Layer<
  Access.Access | ControlPlane.ControlPlane | ControlPlane.StorePorts,
  | CommandFailure
  | ConfigError.ConfigError
  | ControlPlaneError.ControlPlaneError
  | SqliteFile.SqliteFileUnusable,
  FileSystem.FileSystem | Path.Path
> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      if (database._tag === "Postgres") {
        const { shown, url } = database
        const { limits } = yield* Effect.promise(() => import("@runlease/sql/PostgresPool"))
        return yield* Effect.catchTag(
          Layer.build(SqlControlPlane.layerPostgres({ url, ...(yield* limits) })),
          "ControlPlaneUnavailable",
          ({ message, retryable }) =>
            new CommandFailure({
              message: `${message} (${shown})`,
              // What no retry mends says itself what to do.
              ...(retryable
                ? {
                    hint: "Check that PostgreSQL runs there and that --database or RUNLEASE_DATABASE names it.",
                  }
                : {}),
              exitCode: ExitCode.unavailable,
            }),
        )
      }
      const { filename } = database
      yield* makeFolder(filename)
      return yield* Layer.build(SqlControlPlane.layerSqlite({ filename, synchronous }))
    }),
  )
