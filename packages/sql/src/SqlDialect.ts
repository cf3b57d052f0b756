/** Which dialect a database has. */
import type * as SqlClient from "@effect/sql/SqlClient"
import { StoreClock } from "@runlease/store"
import { Effect, Option } from "effect"
import type { Dialect } from "./dialect/Dialect.js"
import { StoreTime } from "./dialect/StoreTime.js"
import * as PostgresDialect from "./postgres/PostgresDialect.js"
import * as SqliteConnection from "./sqlite/SqliteConnection.js"

/** The dialect of the database behind `sql`. Dies for a database that is neither SQLite nor PostgreSQL. */
export const dialectOf = (sql: SqlClient.SqlClient): Effect.Effect<Dialect> =>
  Effect.flatMap(StoreTime, (time) =>
    sql.onDialectOrElse({
      sqlite: () =>
        Effect.zipWith(StoreClock.make, Effect.serviceOption(SqliteConnection.SqliteHandle), (now, handle) =>
          SqliteConnection.dialect(
            sql,
            now,
            Option.match(handle, {
              onNone: () => SqliteConnection.reserving(sql),
              onSome: ({ alone }) => alone,
            }),
          ),
        ),
      pg: () => Effect.succeed(PostgresDialect.make(sql, time)),
      orElse: () => Effect.dieMessage("@runlease/sql speaks SQLite and PostgreSQL; this is another database"),
    }),
  )
