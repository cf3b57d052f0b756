/**
 * The control plane on a SQL database.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import {
  Access,
  ControlPlane,
  ControlPlaneError,
  ControlPlaneUnavailable,
  Conversations,
  type Ids,
  Statistics,
  Summaries,
  WorkerRegistry,
} from "@runlease/core"
import { RunPorts, StatisticsReads, SummaryReads, Sweeper, TokenCache } from "@runlease/core/store"
import { Config, type ConfigError, Context, Effect, Layer, Option, type Scope } from "effect"
import * as LeaseBounds from "./batch/LeaseBounds.js"
import * as SqlRunRows from "./batch/SqlRunRows.js"
import * as SqlStore from "./batch/SqlStore.js"
import * as SqlFailure from "./dialect/SqlFailure.js"
import * as Migrations from "./Migrations.js"
import * as CounterSums from "./ports/CounterSums.js"
import * as Prune from "./ports/Prune.js"
import * as SqlAccess from "./ports/SqlAccess.js"
import * as SqlConversations from "./ports/SqlConversations.js"
import * as SqlWorkerRegistry from "./ports/SqlWorkerRegistry.js"
import * as PoolerProbe from "./postgres/PoolerProbe.js"
import * as PostgresPool from "./postgres/PostgresPool.js"
import * as PostgresWakeups from "./postgres/PostgresWakeups.js"
import * as SqlDialect from "./SqlDialect.js"
import * as SqliteConnection from "./sqlite/SqliteConnection.js"
import * as SqliteFile from "./sqlite/SqliteFile.js"
import * as SqliteWakeups from "./sqlite/SqliteWakeups.js"
import * as SqliteRunRows from "./SqliteRunRows.js"

type Ports = ControlPlane.ControlPlane | Access.Access | ControlPlane.StorePorts

/**
 * Brings the database's tables up to date; running it again, or from several processes at once, changes nothing. Waits,
 * and says so in the log, for a database that is starting up or that another process has locked.
 *
 * @since 0.1.0
 * @category migrations
 */
export const migrate: Effect.Effect<void, ControlPlaneError.ControlPlaneError, SqlClient.SqlClient> =
  Migrations.apply(Migrations.all)

const makePorts = (store: SqlStore.SqlStore) =>
  Effect.map(RunPorts.make(store.runs, store.writer, store.wakeups), (runPorts) => {
    const conversations = SqlConversations.make(store)
    const workers = SqlWorkerRegistry.make(store)
    return (projectId: Ids.ProjectId): Context.Context<ControlPlane.StorePorts> => {
      const registry = workers(projectId)
      return runPorts(projectId).pipe(
        Context.add(Conversations.Conversations, conversations(projectId)),
        Context.add(WorkerRegistry.WorkerRegistry, registry),
        Context.add(Statistics.Statistics, StatisticsReads.ofProject(store.runs, projectId)),
        Context.add(Summaries.Summaries, SummaryReads.ofProject(store.runs, projectId, registry)),
      )
    }
  })

/** The control plane over tables that are up to date, woken by other servers through `link`. */
const makeMigrated = Effect.fnUntraced(function* (link: Parameters<typeof SqlStore.make>[2]) {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const database = { sql, dialect: yield* SqlDialect.dialectOf(sql) }
  const handle = yield* Effect.serviceOption(SqliteConnection.SqliteHandle)
  const store = yield* Option.match(handle, {
    onNone: () => SqlStore.make(database, SqlRunRows.make(database), link),
    onSome: (opened) =>
      SqlStore.make(database, SqliteRunRows.make(database, opened.database), (local) =>
        Effect.map(link(local), (linked) => SqliteWakeups.link(opened, linked)),
      ),
  })
  const access = TokenCache.remembering(SqlAccess.make(store), store.wakeups)
  yield* access
    .createProject(ControlPlane.defaultProject)
    .pipe(Effect.catchTag("ProjectExists", () => Effect.void))
  yield* LeaseBounds.shortenLeases(store)
  yield* Effect.forkScoped(Sweeper.run(store.runs, store.writer, store.wakeups))
  yield* Effect.forkScoped(CounterSums.run(store))
  return ControlPlane.traced(
    Context.make(ControlPlane.ControlPlane, {
      project: yield* makePorts(store),
      prune: Prune.make(store),
      ready: store.ready,
    }).pipe(Context.add(Access.Access, access)),
  )
})

/**
 * The control plane over the tables of an open database, which it brings up to date. Leases lapse and delays end for
 * as long as the Scope is open.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Context.Context<ControlPlane.ControlPlane | Access.Access>,
  ControlPlaneError.ControlPlaneError,
  SqlClient.SqlClient | Scope.Scope
> = Effect.zipRight(migrate, makeMigrated(Effect.succeed))

const withDefaultProject = <R>(
  constructed: Effect.Effect<
    Context.Context<ControlPlane.ControlPlane | Access.Access>,
    ControlPlaneError.ControlPlaneError,
    R
  >,
) =>
  ControlPlane.layerProject().pipe(
    // The constructor has seen to it that the project is there.
    Layer.catchAll((error) => (error._tag === "ProjectNotFound" ? Layer.die(error) : Layer.fail(error))),
    Layer.provideMerge(Layer.scopedContext(constructed)),
  )

/**
 * The control plane over a database, and the ports of its project `default`.
 *
 * Fails: `ControlPlaneUnavailable` when the tables cannot be brought up to date.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Ports, ControlPlaneError.ControlPlaneError, SqlClient.SqlClient> =
  withDefaultProject(make)

/**
 * The control plane on one SQLite file, which is made when absent, and the ports of its project `default`.
 *
 * Fails: `SqliteFileUnusable` says what is wrong with the file; `ControlPlaneUnavailable` as `layer` does.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSqlite = (
  options: SqliteFile.Options,
): Layer.Layer<Ports, ControlPlaneError.ControlPlaneError | SqliteFile.SqliteFileUnusable> =>
  layer.pipe(Layer.provide(SqliteFile.layerWith(options)))

/** Refuses a pooler that loses prepared statements, and warns of one that loses the rest of a session. */
const findPooler = (options: PostgresPool.Options) =>
  Effect.tap(PoolerProbe.find(options), (keeps) => {
    if (keeps === "nothing") {
      return new ControlPlaneUnavailable.ControlPlaneUnavailable({
        operation: "connect",
        message: `${PoolerProbe.losses.nothing}. ${PoolerProbe.advice}`,
        retryable: false,
      })
    }
    return keeps === "statements"
      ? Effect.logWarning(`${PoolerProbe.losses.statements}. ${PoolerProbe.advice}`)
      : Effect.void
  })

/**
 * The control plane on a PostgreSQL database, which any number of servers may share, and the ports of its project
 * `default`. The tables are brought up to date first, over a connection that may take as long as it needs. Behind a pooler that hands
 * connections on from transaction to transaction there are no wake-ups between servers, and the log says so.
 *
 * Fails: `ControlPlaneUnavailable` when the database cannot be reached, its tables cannot be brought up to date, or such a pooler loses
 * prepared statements.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPostgres = (
  options: PostgresPool.Options,
): Layer.Layer<Ports, ControlPlaneError.ControlPlaneError> => {
  const pool = (how: PostgresPool.Options) =>
    Layer.mapError(PostgresPool.layerWith(how), (error) => SqlFailure.unavailable("connect", error))
  const migrated = Effect.provide(migrate, pool({ ...options, maxConnections: 1, statementTimeout: 0 }))
  const opened = Effect.gen(function* () {
    const before = yield* findPooler(options)
    yield* migrated
    // A database that was starting up has not answered before.
    const keeps = before ?? (yield* findPooler(options))
    return yield* makeMigrated((local) =>
      keeps === "statements" ? Effect.succeed(local) : PostgresWakeups.link(options, local),
    )
  })
  return Layer.provide(withDefaultProject(opened), pool(options))
}

/**
 * `layerPostgres` with settings, such as `PostgresPool.config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPostgresConfig = (
  options: Config.Config.Wrap<PostgresPool.Options>,
): Layer.Layer<Ports, ControlPlaneError.ControlPlaneError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layerPostgres))
