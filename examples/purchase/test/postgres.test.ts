import { SqlControlPlane } from "@runlease/sql"
import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { Effect, Layer, Redacted } from "effect"
import * as Takeovers from "./Takeovers.js"

const postgres = Layer.unwrapScoped(
  Effect.map(TestDatabase.make(), (url) => SqlControlPlane.layerPostgres({ url: Redacted.make(url) })),
)

Takeovers.suite("PostgreSQL", postgres, Takeovers.inProcess, "each kind of write")
