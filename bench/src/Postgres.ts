/** The PostgreSQL server of the benchmark, and databases that a Scope drops. */
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Config, Effect, Option, Redacted, type Scope } from "effect"
import { Client } from "pg"
import * as ProcessCpu from "./ProcessCpu.js"

export type { Client }

/** A connection that the Scope closes. */
export const client = (url: string): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const connected = new Client({ connectionString: url })
      await connected.connect()
      return connected
    }),
    (connected) => Effect.promise(() => connected.end()),
  )

/** Runs `use` with a new connection. */
export const withClient = <A>(url: string, use: (client: Client) => Promise<A>): Effect.Effect<A> =>
  Effect.scoped(Effect.flatMap(client(url), (connected) => Effect.promise(() => use(connected))))

/** Does the server's maintenance now, so that it does not happen during a measurement. */
export const tidy = async (connected: Client): Promise<void> => {
  await connected.query("VACUUM ANALYZE")
  await connected.query("CHECKPOINT")
}

export interface Server {
  readonly url: string
  /** Microseconds of CPU of all its processes so far. Null where they are not of this machine, or it has no /proc. */
  readonly cpu: Effect.Effect<number | null>
}

const backendPid = async (connected: Client): Promise<number> => {
  const { rows } = await connected.query<{ readonly pid: number }>("SELECT pg_backend_pid() AS pid")
  return rows[0]!.pid
}

/** The server of DATABASE_URL, or a new one with `fsync` that the Scope stops. */
export const server: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function* () {
  const given = yield* Config.option(Config.redacted("DATABASE_URL"))
  if (Option.isSome(given)) return { url: Redacted.value(given.value), cpu: Effect.succeed(null) }
  const { url } = yield* TestServer.make({ fsync: true, settings: ["max_connections=500"] })
  const postmaster = yield* withClient(url, async (connected) =>
    ProcessCpu.parentOf(await backendPid(connected)),
  )
  return { url, cpu: Effect.sync(() => (postmaster === null ? null : ProcessCpu.ofFamily(postmaster))) }
}).pipe(Effect.orDie)

const version = async (connected: Client): Promise<string> => {
  const { rows } = await connected.query<{ readonly version: string }>(
    "SELECT current_setting('server_version') AS version",
  )
  return rows[0]!.version
}

export const versionOf = (url: string): Effect.Effect<string> => withClient(url, version)

/** A new database of the server. The Scope drops it. */
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
