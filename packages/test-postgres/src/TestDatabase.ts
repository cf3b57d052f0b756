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

export const nameOf = (url: string): string => new URL(url).pathname.slice(1)

/**
 * The URL of a new database on the server of `url`. It is empty, or a copy of `template`, which nothing is connected to. The Scope drops
 * it.
 */
export const makeOn = (url: string, template = "template0"): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const name = `runlease_${randomBytes(8).toString("hex")}`
      // To copy the files takes half of the server's time that to log each of their pages takes.
      yield* command(url, `CREATE DATABASE ${name} TEMPLATE ${template} ENCODING 'UTF8' STRATEGY file_copy`)
      const created = new URL(url)
      created.pathname = `/${name}`
      return created.href
    }),
    (created) => command(url, `DROP DATABASE IF EXISTS ${nameOf(created)} WITH (FORCE)`),
  )

/** The same on the server of `vitestSetup`. */
export const make = (template?: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.suspend(() => makeOn(inject(urlKey), template))
