import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, Runs } from "@runlease/core"
import { Effect, Redacted } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

// Roles belong to the server, so the role has the name of its database.
it.scopedLive("a role with a schema of its own has all tables there, and needs no right in another", () =>
  Effect.gen(function* () {
    const database = yield* PostgresDatabase.url
    const url = new URL(Redacted.value(database))
    const role = `role_${url.pathname.slice(1)}`
    const owner = (...statements: ReadonlyArray<string>) =>
      Effect.forEach(statements, (statement) => PostgresDatabase.ask(database, statement), { discard: true })
    yield* Effect.acquireRelease(
      owner(
        `CREATE ROLE "${role}" LOGIN PASSWORD 'secret'`,
        `CREATE SCHEMA apart AUTHORIZATION "${role}"`,
        `ALTER ROLE "${role}" SET search_path = apart`,
        "REVOKE ALL ON SCHEMA public FROM public",
      ),
      () => owner(`DROP OWNED BY "${role}" CASCADE`, `DROP ROLE "${role}"`),
    )
    url.username = role
    url.password = "secret"
    const status = yield* Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { run } = yield* runs.submit({ agentId: Ids.AgentId.make("agent") })
      return (yield* runs.get(run.runId)).status
    }).pipe(Effect.provide(SqlControlPlane.layerPostgres({ url: Redacted.make(url.href) })), Effect.scoped)
    strictEqual(status, "pending")
    const schemas = yield* PostgresDatabase.ask<{ readonly name: string }>(
      database,
      "SELECT DISTINCT schemaname AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    deepStrictEqual(
      schemas.map(({ name }) => name),
      ["apart"],
    )
  }),
)
