import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { Effect, Layer, Redacted } from "effect"
import { SqlControlPlane, StoreTime } from "../src/index.js"

/** The URL of a database of its own that goes with the Scope. */
export const url = Effect.map(TestDatabase.make, (made) => Redacted.make(made))

/** A control plane on a database of its own, by the test's Clock. */
export const layer = Layer.unwrapScoped(
  Effect.map(url, (made) => SqlControlPlane.layerPostgres({ url: made })),
).pipe(Layer.provide(Layer.succeed(StoreTime.StoreTime, "clock")))
