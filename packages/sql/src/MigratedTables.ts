/**
 * The ports of a control plane over the tables of an open database.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import {
  Access,
  ControlPlane,
  type ControlPlaneError,
  Conversations,
  type Ids,
  Statistics,
  Summaries,
  WorkerRegistry,
} from "@runlease/core"
import { RunPorts, StatisticsReads, SummaryReads, Sweeper, TokenCache } from "@runlease/core/store"
import { Context, Effect, Layer, Option } from "effect"
import * as LeaseBounds from "./batch/LeaseBounds.js"
import * as SqlRunRows from "./batch/SqlRunRows.js"
import * as SqlStore from "./batch/SqlStore.js"
import * as Migrations from "./Migrations.js"
import * as CounterSums from "./ports/CounterSums.js"
import * as Prune from "./ports/Prune.js"
import * as SqlAccess from "./ports/SqlAccess.js"
import * as SqlConversations from "./ports/SqlConversations.js"
import * as SqlWorkerRegistry from "./ports/SqlWorkerRegistry.js"
import * as SqlDialect from "./SqlDialect.js"
import * as SqliteConnection from "./sqlite/SqliteConnection.js"
import * as SqliteWakeups from "./sqlite/SqliteWakeups.js"
import * as SqliteRunRows from "./SqliteRunRows.js"

/** The services of a control plane on a database. */
export type Ports = ControlPlane.ControlPlane | Access.Access | ControlPlane.StorePorts

/** Brings the tables up to date. */
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
export const make = Effect.fnUntraced(function* (link: Parameters<typeof SqlStore.make>[2]) {
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

/** The ports, and those of the project `default`. */
export const withDefaultProject = <R>(
  constructed: Effect.Effect<
    Context.Context<ControlPlane.ControlPlane | Access.Access>,
    ControlPlaneError.ControlPlaneError,
    R
  >,
) =>
  ControlPlane.layerProject().pipe(
    // The constructor has created the project.
    Layer.catchAll((error) => (error._tag === "ProjectNotFound" ? Layer.die(error) : Layer.fail(error))),
    Layer.provideMerge(Layer.scopedContext(constructed)),
  )
