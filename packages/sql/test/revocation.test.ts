import { describe, it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import { SqlControlPlane } from "@runlease/sql"
import { Effect, Layer } from "effect"
import * as Revocation from "./Revocation.js"
import * as TempDatabase from "./TempDatabase.js"

describe("two servers on one SQLite file", () => {
  it.scoped("refuse on one the token of a key that the other revokes, and that of its worker", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const server = Layer.build(Layer.fresh(SqlControlPlane.layerSqlite({ filename })))
      const { ofKey, ofWorker, revoke } = yield* Revocation.tokens(yield* server, yield* server)
      strictEqual(yield* ofKey, true)
      strictEqual(yield* ofWorker, true)

      // Time stands still, so no cached token is too old.
      yield* revoke
      strictEqual(yield* ofKey, false)
      strictEqual(yield* ofWorker, false)
    }),
  )
})
