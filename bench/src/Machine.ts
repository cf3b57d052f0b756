/**
 * The resources of the benchmark: a folder, a PostgreSQL server, and servers of Redis and Restate if installed. Each starts
 * on first use.
 */
import { Context, Effect, Layer, Option, Scope } from "effect"
import * as Postgres from "./Postgres.js"
import * as Redis from "./Redis.js"
import * as Restate from "./Restate.js"
import * as Stores from "./Stores.js"

export class Machine extends Context.Tag("bench/Machine")<
  Machine,
  {
    readonly folder: string
    readonly postgres: Effect.Effect<Postgres.Server>
    /** None without a `redis-server`. */
    readonly redis: (fsync: Redis.Fsync) => Effect.Effect<Option.Option<Redis.Server>>
    /** None where its program is not installed. */
    readonly restate: Effect.Effect<Option.Option<Restate.Server>>
  }
>() {}

const make = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const folder = yield* Stores.folder
  const postgres = yield* Effect.cached(Postgres.server)
  const redis = yield* Effect.cachedFunction((fsync: Redis.Fsync) =>
    Effect.flatMap(Redis.version, (version) =>
      Option.isNone(version) ? Effect.succeedNone : Effect.asSome(Redis.server(folder, fsync)),
    ),
  )
  const restate = yield* Effect.cached(Restate.server(folder))
  const here = Effect.provideService(Scope.Scope, scope)
  return Machine.of({
    folder,
    postgres: here(postgres),
    redis: (fsync) => here(redis(fsync)),
    restate: here(restate),
  })
})

export const layer = Layer.scoped(Machine, make)

/** A new database for a store or a peer. The Scope drops it. */
export const database = (name: string) =>
  Effect.flatMap(Machine, ({ postgres }) =>
    Effect.flatMap(postgres, ({ url }) => Postgres.database(url, name)),
  )

/** A new SQLite file without tables, removed with the folder. */
export const sqlite = (name: string, synchronous: Stores.Synchronous) =>
  Effect.map(Machine, ({ folder }): Stores.SqliteOptions => ({
    _tag: "Sqlite",
    filename: `${folder}/${name}.sqlite`,
    synchronous,
  }))

/** A new database of PostgreSQL without tables. The Scope drops it. */
export const postgres = (name: string) =>
  Effect.map(database(name), (url): Stores.PostgresOptions => ({ _tag: "Postgres", url }))
