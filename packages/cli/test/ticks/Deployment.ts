/**
 * Two servers of one PostgreSQL, as processes of the command.
 */
import { FetchHttpClient } from "@effect/platform"
import { SqlClient } from "@effect/sql/SqlClient"
import { Client } from "@runlease/http"
import { PostgresPool } from "@runlease/sql"
import { freePort } from "@runlease/test-postgres/FreePort"
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Context, Effect, Layer, Redacted } from "effect"
import * as Supervised from "../chaos/Supervised.js"

const apiKey = `rlk_${"71c45".repeat(12)}71c4`

/** `runlease`: the path of the bundled command. `unexpected`: called when a server has ended by itself. */
export interface Settings {
  readonly runlease: string
  readonly folder: string
  readonly unexpected: (sentence: string) => void
}

/** Starts the database and both servers, and waits until these are ready. The Scope ends all. */
export const make = ({ folder, runlease, unexpected }: Settings) =>
  Effect.gen(function* () {
    // The instant of a run is then that of the commit that has made it visible, not the one in which the commit began.
    const database = yield* TestServer.make({ parent: folder, settings: ["track_commit_timestamp=on"] })
    const servers = yield* Effect.forEach([1, 2], (nth) =>
      Effect.gen(function* () {
        const port = yield* freePort
        const process = yield* Supervised.make({
          name: `server-${nth}`,
          folder,
          args: [runlease, "serve", "--port", String(port), "--json", "--database", database.url],
          env: () => ({ RUNLEASE_API_KEY: apiKey }),
          recorder: { happened: () => {} },
          unexpected,
        })
        const url = `http://127.0.0.1:${port}`
        yield* Supervised.untilReady(url)
        return { process, url }
      }),
    )
    const ports = yield* Layer.build(
      Client.layerWith({ baseUrl: servers[0]!.url, token: Redacted.make(apiKey) }).pipe(
        Layer.provide(FetchHttpClient.layer),
      ),
    )
    const pool = yield* Layer.build(PostgresPool.layerWith({ url: Redacted.make(database.url) }))
    return { servers: servers.map(({ process }) => process), ports, sql: Context.get(pool, SqlClient) }
  })
