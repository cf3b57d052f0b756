import { describe, it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import { Access, WorkerRegistry } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { Context, Effect, Layer, Option, type Redacted } from "effect"
import * as TempDatabase from "./TempDatabase.js"

describe("two servers on one SQLite file", () => {
  it.scoped("refuse on one the token of a key that the other revokes, and that of its worker", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const server = Layer.build(Layer.fresh(SqlControlPlane.layerSqlite({ filename })))
      const [a, b] = yield* Effect.all([server, server])
      const access = Context.get(b, Access.Access)
      const { id: projectId } = yield* access.getProject("default")
      const worker = yield* Context.get(b, WorkerRegistry.WorkerRegistry).register({
        implementationKind: "kind",
        workerKey: "key",
      })
      const { key, token } = yield* access.createKey({ projectId, name: "key" })
      const ofWorker = yield* access.issueWorkerToken({ projectId, workerId: worker.id, issuedBy: key.id })
      const isValid = (presented: Redacted.Redacted) =>
        Effect.map(Context.get(a, Access.Access).authenticate(presented), Option.isSome)
      strictEqual(yield* isValid(token), true)
      strictEqual(yield* isValid(ofWorker), true)

      // Time stands still, so no cached token is too old.
      yield* access.revokeKey(projectId, key.id)
      strictEqual(yield* isValid(token), false)
      strictEqual(yield* isValid(ofWorker), false)
    }),
  )
})
