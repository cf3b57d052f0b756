/**
 * Creates a database for one test on the shared server.
 */
import { Effect, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as Pg from "pg"
import { inject } from "vitest"
import { urlKey } from "./Provided.js"

const command = (url: string, statement: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const client = new Pg.Client({ connectionString: url })
    await client.connect()
    try {
      await client.query(statement)
    } finally {
      await client.end()
    }
  })

/** The URL of a new, empty database on the server of `url`. The Scope drops it. */
export const makeOn = (url: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const name = `runlease_${randomBytes(8).toString("hex")}`
      yield* command(url, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`)
      const created = new URL(url)
      created.pathname = `/${name}`
      return created.href
    }),
    (created) => command(url, `DROP DATABASE IF EXISTS ${new URL(created).pathname.slice(1)} WITH (FORCE)`),
  )

/** The URL of a new, empty database on the server of `vitestSetup`. The Scope drops it. */
export const make: Effect.Effect<string, never, Scope.Scope> = Effect.suspend(() => makeOn(inject(urlKey)))
