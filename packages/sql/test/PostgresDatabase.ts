import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { type Ids, Retention } from "@runlease/core"
import { Effect, Layer, Redacted } from "effect"
import * as Pg from "pg"
import { SqlControlPlane, StoreTime } from "../src/index.js"

/** The URL of a database of its own that goes with the Scope. */
export const url = Effect.map(TestDatabase.make, (made) => Redacted.make(made))

/** A control plane on a database of its own, by the test's Clock. */
export const layer = Layer.unwrapScoped(
  Effect.map(url, (made) => SqlControlPlane.layerPostgres({ url: made })),
).pipe(Layer.provide(Layer.succeed(StoreTime.StoreTime, "clock")))

/** What a connection of its own is answered. */
export const ask = <A>(database: Redacted.Redacted, statement: string): Effect.Effect<ReadonlyArray<A>> =>
  Effect.promise(async () => {
    const client = new Pg.Client({ connectionString: Redacted.value(database) })
    await client.connect()
    try {
      return (await client.query(statement)).rows as ReadonlyArray<A>
    } finally {
      await client.end()
    }
  })

/** Lets sockets and other processes have their turn, whatever clock the test goes by. */
export const breath = Effect.async<void>((resume) => {
  const handle = setTimeout(() => resume(Effect.void), 20)
  return Effect.sync(() => clearTimeout(handle))
})

/** Prunes whatever has finished. */
export const pruneAll = (projectId: Ids.ProjectId) => Retention.pruneAll({ projectId, olderThan: 0 })
