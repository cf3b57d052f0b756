/**
 * Schedules on two servers of one PostgreSQL while one server after the other is killed, and a count of the runs that their ticks began.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import { Schedules } from "@runlease/core"
import { Clock, DateTime, Effect } from "effect"
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Prng from "../../../testkit/src/simulation/Prng.js"
import type * as Supervised from "../chaos/Supervised.js"
import * as Deployment from "./Deployment.js"

/**
 * `runlease`: the path of the bundled command. `schedules`: how many there are. `every`: seconds between two ticks of each. `ticks`: how many
 * ticks each has. `killEvery`: milliseconds between two kills. `tell`: is given a line for each kill.
 */
export interface Options {
  readonly runlease: string
  readonly schedules: number
  readonly every: number
  readonly ticks: number
  readonly killEvery: number
  readonly seed: number
  readonly tell: (line: string) => void
}

/**
 * `lost`: ticks without a run. `twice`: runs of a tick beyond its first. `skipped`: ticks that schedules counted as skipped. `complete`: the
 * schedules that have done all of their ticks. `lateness`: of each run, from its tick to the commit that begins it, in milliseconds,
 * ascending.
 */
export interface Report {
  readonly expected: number
  readonly runs: number
  readonly lost: number
  readonly twice: number
  readonly skipped: number
  readonly complete: number
  readonly kills: number
  readonly lateness: ReadonlyArray<number>
  readonly unexpected: ReadonlyArray<string>
}

/** The time between the declaration of the schedules and their first tick, in milliseconds. */
const leadTime = 10_000

/** How long a killed server is gone, in milliseconds. */
const gone = 1_000

/** A kill comes so many milliseconds after a tick at most, while its runs begin. */
const widest = 600

/** How long the ticks may take to be done after the last of them, in milliseconds. */
const settlingTime = 120_000

const makeFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), "runlease-ticks-"))
    // PostgreSQL runs as a user without rights, if this one is root.
    chmodSync(folder, 0o755)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
)

/** Declares the schedules, which have `ticks` ticks each from `first` on. */
const declare = ({ every, schedules, ticks }: Options, first: number) =>
  Effect.flatMap(Schedules.Schedules, ({ apply }) =>
    apply({
      source: "ticks",
      schedules: Array.from({ length: schedules }, (_, index) => ({
        key: `s${index}`,
        name: `Schedule ${index}`,
        target: { kind: "agent", id: "ticked" } as const,
        schedule: every === 60 ? "* * * * *" : `every ${every}s`,
        startsAt: DateTime.unsafeMake(first),
        endsAt: DateTime.unsafeMake(first + (ticks - 1) * every * 1000),
        concurrencyPolicy: "Allow" as const,
        // A machine may stand still for longer than a tick is late.
        missed: "all" as const,
      })),
    }),
  )

const sleepUntil = (instant: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sleep(Math.max(0, instant - now)))

/** Kills one server after the other, each soon after a moment in which schedules tick. Gives how many kills there were. */
const kill = (
  { every, killEvery, seed, tell, ticks }: Options,
  servers: ReadonlyArray<Supervised.Supervised>,
  first: number,
): Effect.Effect<number> => {
  const prng = Prng.make(Prng.hash("ticks", seed))
  const instants = Array.from(
    { length: Math.floor((ticks * every * 1000) / killEvery) },
    (_, nth) => first + nth * killEvery + prng.between(0, widest),
  )
  return Effect.map(
    Effect.forEach(instants, (instant, nth) =>
      Effect.zipRight(
        sleepUntil(instant),
        Effect.sync(() => {
          const server = servers[nth % servers.length]!
          const killed = server.end("SIGKILL", gone)
          if (killed) tell(`${((instant - first) / 1000).toFixed(1).padStart(6)} s  ${server.name} is killed`)
          return killed
        }),
      ),
    ),
    (killed) => killed.filter(Boolean).length,
  )
}

/** The ticks that have a run, and how late the commit of each was, in milliseconds. */
const begun = (sql: SqlClient) =>
  Effect.map(
    sql<{ readonly run_id: string; readonly committed: number }>`
      SELECT run_id, EXTRACT(EPOCH FROM pg_xact_commit_timestamp(xmin))::float8 * 1000 AS committed
      FROM runs WHERE run_id LIKE 'schedule:%'`,
    (rows) =>
      rows.map(({ committed, run_id }) => ({
        run: run_id,
        late: committed - Date.parse(run_id.split(":").slice(2).join(":")),
      })),
  )

/** Waits until no schedule has a tick to come, or until time is over. */
const untilDone = (sql: SqlClient) =>
  Effect.map(
    sql<{ readonly left: number }>`SELECT count(*)::int AS left FROM schedules WHERE next_at IS NOT NULL`,
    ([row]) => row!.left,
  ).pipe(
    Effect.delay("500 millis"),
    Effect.repeat({ until: (left) => left === 0 }),
    Effect.timeoutOption(settlingTime),
  )

interface Body {
  readonly body: {
    readonly completedAt: number | null
    readonly skipped: Record<"missed" | "overlap", number>
  }
}

/** Lets the schedules tick while servers are killed, and counts. */
export const play = (options: Options) =>
  Effect.scoped(
    Effect.gen(function* () {
      const folder = yield* makeFolder
      const unexpected: Array<string> = []
      const { ports, servers, sql } = yield* Deployment.make({
        runlease: options.runlease,
        folder,
        unexpected: (sentence) => void unexpected.push(sentence),
      })
      const length = options.every * 1000
      const now = yield* Clock.currentTimeMillis
      const first = Math.ceil((now + leadTime) / length) * length
      const declared = yield* Effect.provide(declare(options, first), ports)
      const kills = yield* kill(options, servers, first)
      yield* sleepUntil(first + (options.ticks - 1) * length)
      yield* untilDone(sql)

      const ids = new Set(declared.map(({ scheduleId }) => scheduleId as string))
      const runs = (yield* begun(sql)).filter(({ run }) => ids.has(run.split(":")[1]!))
      const distinct = new Set(runs.map(({ run }) => run)).size
      const after = yield* sql<Body>`SELECT body::json AS body FROM schedules`
      const expected = options.schedules * options.ticks
      return {
        expected,
        runs: runs.length,
        lost: expected - distinct,
        twice: runs.length - distinct,
        skipped: after.reduce((sum, { body }) => sum + body.skipped.missed + body.skipped.overlap, 0),
        complete: after.filter(({ body }) => body.completedAt !== null).length,
        kills,
        lateness: runs.map(({ late }) => late).toSorted((a, b) => a - b),
        unexpected,
      } satisfies Report
    }),
  )

/** What is wrong with a report; empty when each tick has begun one run. */
export const problems = ({ lost, skipped, twice, unexpected }: Report): ReadonlyArray<string> => [
  ...(lost === 0 ? [] : [`${lost} ticks have no run`]),
  ...(twice === 0 ? [] : [`${twice} runs are of a tick that has one`]),
  ...(skipped === 0 ? [] : [`${skipped} ticks were skipped`]),
  ...unexpected,
]

const percentile = (ascending: ReadonlyArray<number>, part: number): string =>
  `${Math.round(ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? 0)} ms`

/** A report as text. */
export const show = (report: Report): string => {
  const { expected, kills, lateness, lost, runs, skipped, twice } = report
  return [
    `ticks ${expected}, runs ${runs}, lost ${lost}, twice ${twice}, skipped ${skipped}, kills ${kills}`,
    `late by p50 ${percentile(lateness, 0.5)}, p99 ${percentile(lateness, 0.99)}, at most ${percentile(lateness, 1)}`,
  ].join("\n")
}
