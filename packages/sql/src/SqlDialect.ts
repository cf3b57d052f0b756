/** Which dialect a database has. */
import type * as SqlClient from "@effect/sql/SqlClient"
import { StoreClock } from "@runlease/store"
import { Effect, Option } from "effect"
import type { Dialect } from "./dialect/Dialect.js"
import { SqliteFileCheck } from "./dialect/SqliteFileCheck.js"
import { StoreTime } from "./dialect/StoreTime.js"
import * as PostgresDialect from "./postgres/PostgresDialect.js"
import * as SqliteConnection from "./sqlite/SqliteConnection.js"

/** The dialect of the database behind `sql`. Dies for a database that is neither SQLite nor PostgreSQL. */
export const dialectOf = (sql: SqlClient.SqlClient): Effect.Effect<Dialect> =>
  Effect.flatMap(StoreTime, (time) =>
    sql.onDialectOrElse({
      sqlite: () =>
        Effect.gen(function* () {
          const now = yield* StoreClock.make
          const { inPlace } = yield* SqliteFileCheck
          const alone = Option.match(yield* Effect.serviceOption(SqliteConnection.SqliteHandle), {
            onNone: () => SqliteConnection.reserving(sql),
            onSome: SqliteConnection.onHandle,
          })
          return SqliteConnection.dialect(sql, now, alone, inPlace)
        }),
      pg: () => Effect.succeed(PostgresDialect.make(sql, time)),
      orElse: () => Effect.dieMessage("@runlease/sql speaks SQLite and PostgreSQL; this is another database"),
    }),
  )
