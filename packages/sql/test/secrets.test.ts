import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, Executor, Interrupts, Runs, Worker } from "@runlease/core"
import { Sealing, type StoreControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { ConfigProvider, Deferred, Effect, Either, Layer, Redacted, Schema } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const environment = (key?: Sealing.Key) =>
  Layer.setConfigProvider(
    ConfigProvider.fromMap(new Map(key === undefined ? [] : [[Sealing.variable, Sealing.toText(key)]])),
  )

const secretsOf = <E>(store: Layer.Layer<StoreControlPlane.Ports, E>, key?: Sealing.Key) =>
  Effect.map(ControlPlane.ControlPlane, ({ secrets }) => secrets).pipe(
    Effect.provide(Layer.fresh(store)),
    Effect.provide(environment(key)),
  )

const secret = Redacted.make("one")

describe("the secrets of an SQLite file", () => {
  it.scoped("are sealed by a key beside it that its owner alone can read, made with the first of them", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const store = SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") })
      const file = path.join(folder, "runs.db.key")
      const first = yield* secretsOf(store)
      strictEqual(fs.existsSync(file), false)
      const sealed = yield* first.seal(secret, "a")
      strictEqual((fs.statSync(file).mode & 0o777).toString(8), "600")
      const second = yield* secretsOf(store)
      strictEqual(Redacted.value(yield* second.open(sealed, "a")), "one")
    }),
  )

  it.scoped("are sealed by one key, where two processes make it at once", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const store = SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") })
      const [one, other] = [yield* secretsOf(store), yield* secretsOf(store)]
      const [ofOne, ofOther] = yield* Effect.all([one.seal(secret, "a"), other.seal(secret, "a")], {
        concurrency: 2,
      })
      strictEqual(Redacted.value(yield* one.open(ofOther, "a")), "one")
      strictEqual(Redacted.value(yield* other.open(ofOne, "a")), "one")
    }),
  )

  it.scoped("are refused where its key is damaged, which is not replaced", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const file = path.join(folder, "runs.db.key")
      fs.writeFileSync(file, "damaged")
      const { seal } = yield* secretsOf(
        SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") }),
      )
      const refused = yield* Effect.flip(seal(secret, "a"))
      assertTrue(refused.message.includes(file) && refused.message.includes(Sealing.variable))
      strictEqual(fs.readFileSync(file, "utf8"), "damaged")
    }),
  )

  it.scoped("are sealed by the key of the environment where it has one", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const key = yield* Sealing.generate
      const { seal } = yield* secretsOf(
        SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") }),
        key,
      )
      const sealed = yield* seal(secret, "a")
      const { open } = Sealing.make(Effect.succeed([key]))
      strictEqual(Redacted.value(yield* open(sealed, "a")), "one")
      deepStrictEqual(
        fs.readdirSync(folder).filter((name) => name.endsWith(".key")),
        [],
      )
    }),
  )

  it.scoped("are not opened, and the store does not start, by a key of the environment that is none", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const started = Effect.scoped(
        Layer.build(SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") })),
      ).pipe(
        Effect.provide(
          Layer.setConfigProvider(ConfigProvider.fromMap(new Map([[Sealing.variable, "password"]]))),
        ),
      )
      const refused = yield* Effect.flip(started)
      assertTrue(refused.message.includes("32 bytes") && !refused.message.includes("password"))
    }),
  )
})

describe("a secret in an answer", () => {
  it.scopedLive("is in no file of an SQLite store, and reaches the executor", () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const password = "hunter2-of-nobody"
      const got = yield* Deferred.make<string>()
      const asks = Executor.layerFrom(() =>
        Effect.gen(function* () {
          const account = yield* Interrupts.ask("account", {
            message: "Which account?",
            schema: Schema.Struct({ user: Schema.String, password: Interrupts.secret() }),
          })
          yield* Deferred.succeed(got, Redacted.value(account.password))
          return `${account.user} ${String(account.password)}`
        }),
      )
      const store = SqlControlPlane.layerSqlite({ filename: path.join(folder, "runs.db") })
      const filesWith = (text: string) =>
        fs.readdirSync(folder).filter((name) => fs.readFileSync(path.join(folder, name)).includes(text))
      yield* Effect.gen(function* () {
        yield* Worker.make({ leaseDuration: "30 seconds", drainTimeout: 0 })
        const { runId } = yield* TestRuns.submit()
        yield* TestWorker.untilStatus(runId, "waiting")
        const { resume } = yield* Runs.Runs
        yield* resume(runId, [
          { interruptId: "account", status: "resolved", payload: { user: "ada-of-nobody", password } },
        ])
        strictEqual(yield* Deferred.await(got), password)
        yield* TestWorker.untilStatus(runId, "completed")
        deepStrictEqual([filesWith("ada-of-nobody").length > 0, filesWith(password)], [true, []])
      }).pipe(Effect.provide(asks), Effect.provide(store))
    }),
  )
})

describe("the secrets of a PostgreSQL database", () => {
  it.scoped("are refused without a key in the environment, which the refusal names", () =>
    Effect.gen(function* () {
      const store = SqlControlPlane.layerPostgres({ url: yield* PostgresDatabase.url })
      const without = yield* secretsOf(store)
      const refused = yield* Effect.either(without.seal(secret, "a"))
      assertTrue(Either.isLeft(refused) && refused.left.message.includes(Sealing.variable))
      const key = yield* Sealing.generate
      const { open, seal } = yield* secretsOf(store, key)
      strictEqual(Redacted.value(yield* open(yield* seal(secret, "a"), "a")), "one")
    }),
  )
})
