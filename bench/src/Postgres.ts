/** The PostgreSQL server that is measured on, and databases of it that live as long as a Scope. */
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Config, Effect, Option, Redacted, type Scope } from "effect"
import { Client } from "pg"

export type { Client }

/** A connection for as long as the Scope. */
export const client = (url: string): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const connected = new Client({ connectionString: url })
      await connected.connect()
      return connected
    }),
    (connected) => Effect.promise(() => connected.end()),
  )

/** With a connection of its own. */
export const withClient = <A>(url: string, use: (client: Client) => Promise<A>): Effect.Effect<A> =>
  Effect.scoped(Effect.flatMap(client(url), (connected) => Effect.promise(() => use(connected))))

/** What a server does by itself after a while, so that it does not do it while something is measured. */
export const tidy = async (connected: Client): Promise<void> => {
  await connected.query("VACUUM ANALYZE")
  await connected.query("CHECKPOINT")
}

/** The URL of a server: what DATABASE_URL says, or one that survives a loss of power and lives as long as the Scope. */
export const server = Effect.gen(function* () {
  const given = yield* Config.option(Config.redacted("DATABASE_URL"))
  return Option.isSome(given) ? Redacted.value(given.value) : (yield* TestServer.make({ fsync: true })).url
}).pipe(Effect.orDie)

const version = async (connected: Client): Promise<string> => {
  const { rows } = await connected.query<{ readonly version: string }>(
    "SELECT current_setting('server_version') AS version",
  )
  return rows[0]!.version
}

export const versionOf = (url: string): Effect.Effect<string> => withClient(url, version)

/** A new database of the server, dropped when the Scope closes. */
export const database = (serverUrl: string, name: string): Effect.Effect<string, never, Scope.Scope> => {
  const full = `runlease_bench_${name}_${process.pid}`
  const execute = (statement: string) => withClient(serverUrl, (connected) => connected.query(statement))
  return Effect.acquireRelease(
    Effect.as(
      execute(`CREATE DATABASE "${full}"`),
      Object.assign(new URL(serverUrl), { pathname: full }).href,
    ),
    () => execute(`DROP DATABASE "${full}" WITH (FORCE)`),
  )
}
