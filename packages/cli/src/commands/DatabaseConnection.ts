/** A connection of a command to a database, which is there already. */
import * as FileSystem from "@effect/platform/FileSystem"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { PostgresPool, SqliteFile } from "@runlease/sql"
import { Effect, Layer } from "effect"
import * as Database from "../input/Database.js"
import { usage } from "../output/ExitCode.js"

/** The client of a database. Fails with `hint` where there is no such file. */
export const layer = (setting: string, hint: string) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const database = yield* Database.parse(setting)
      const client: Layer.Layer<SqlClient.SqlClient, SqlError | SqliteFile.SqliteFileUnusable> =
        database._tag === "Postgres"
          ? PostgresPool.layerWith({ url: database.url, maxConnections: 2 })
          : SqliteFile.layerWith({ filename: database.filename })
      const fs = yield* FileSystem.FileSystem
      if (database._tag === "Sqlite" && !(yield* fs.exists(database.filename))) {
        return yield* usage(`There is no file ${database.filename}`, hint)
      }
      return client
    }),
  )
