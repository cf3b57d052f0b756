/**
 * The parts of a server in this process: its store and its port.
 */
import { FileSystem, type HttpServer, Path } from "@effect/platform"
import { PostgresPool, SqlControlPlane } from "@runlease/sql"
import { Effect, Layer } from "effect"
import type * as Database from "../input/Database.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as HttpListener from "./HttpListener.js"

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
export const controlPlane = (database: Database.Sqlite | Database.Postgres, synchronous: "normal" | "full") =>
  Layer.scopedContext(
    Effect.gen(function* () {
      if (database._tag === "Postgres") {
        const { shown, url } = database
        const limits = yield* PostgresPool.limits
        return yield* Effect.catchTag(
          Layer.build(SqlControlPlane.layerPostgres({ url, ...limits })),
          "ControlPlaneUnavailable",
          ({ message }) =>
            new CommandFailure({
              message: `${message} (${shown})`,
              hint: "Check that PostgreSQL runs there and that --database or RUNLEASE_DATABASE names it.",
              exitCode: ExitCode.unavailable,
            }),
        )
      }
      const { filename } = database
      yield* makeFolder(filename)
      return yield* Layer.build(SqlControlPlane.layerSqlite({ filename, synchronous }))
    }),
  )

/** Where a server listens, as a URL. */
export const urlOf = (address: HttpServer.Address): string =>
  address._tag === "TcpAddress"
    ? `http://${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`
    : address.path

/** The port of the server. Fails with advice when it is not free. */
export const listener = (options: HttpListener.Options) =>
  HttpListener.layer(options).pipe(
    Layer.mapError(
      (error) =>
        new CommandFailure({
          message: `Cannot listen on ${options.host}:${options.port}: ${String(error.cause instanceof Error ? error.cause.message : error.cause)}`,
          hint: "Choose another with --port, or --port 0 for a free one.",
          exitCode: ExitCode.error,
        }),
    ),
  )
