/**
 * The kinds of faults.
 */
import type * as TestServer from "@runlease/test-postgres/TestServer"
import { Effect } from "effect"
import type * as Proxies from "../Proxies.js"
import type * as Disk from "./Disk.js"
import type * as Faults from "./Faults.js"
import type * as Supervised from "./Supervised.js"

type Network = Effect.Effect.Success<ReturnType<typeof Proxies.network>>

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

/** Faults of which none begins while one of them lasts. */
export const oneAtATime = (...faults: ReadonlyArray<Faults.Fault>): ReadonlyArray<Faults.Fault> => {
  let lasts = false
  return faults.map((fault) => ({
    ...fault,
    begin: (prng) =>
      lasts
        ? Effect.succeed(undefined)
        : Effect.map(fault.begin(prng), (begun) => {
            if (begun === undefined) return undefined
            lasts = true
            const over = Effect.sync(() => {
              lasts = false
            })
            return { ...begun, heal: Effect.zipRight(begun.heal, over) }
          }),
  }))
}

/** A process is killed, or told to end, and comes back. */
export const end = (
  kind: "killed" | "told to end",
  processes: ReadonlyArray<Supervised.Supervised>,
  weight: number,
): Faults.Fault => ({
  kind: `${kind === "killed" ? "kills" : "shutdowns"} of ${processes[0]?.name.split("-")[0]}s`,
  weight,
  begin: (prng) =>
    Effect.sync(() => {
      const victim = processes[prng.between(0, processes.length - 1)]!
      const away = prng.between(100, 3_000)
      if (!victim.end(kind === "killed" ? "SIGKILL" : "SIGTERM", away)) return undefined
      return {
        text: `${victim.name} is ${kind}, and comes back after ${seconds(away)}`,
        millis: 0,
        heal: Effect.void,
      }
    }),
})

/** A process stands still, for `most` milliseconds at most. */
export const pause = (
  processes: ReadonlyArray<Supervised.Supervised>,
  weight: number,
  most: number,
): Faults.Fault => ({
  kind: `pauses of ${processes[0]?.name.split("-")[0]}s`,
  weight,
  begin: (prng) =>
    Effect.sync(() => {
      const victim = processes[prng.between(0, processes.length - 1)]!
      const millis = prng.chance(0.5) ? prng.between(200, 3_000) : prng.between(3_000, most)
      if (!victim.pause()) return undefined
      return {
        text: `${victim.name} stands still for ${seconds(millis)}`,
        millis,
        heal: Effect.sync(victim.resume),
      }
    }),
})

/** A connection is cut, silent, half open, slow, or loses answers. */
export const badLink = (name: string, network: Network, weight: number): ReadonlyArray<Faults.Fault> =>
  oneAtATime({
    kind: "faults of connections",
    weight,
    begin: (prng) =>
      Effect.gen(function* () {
        const millis = prng.chance(0.6) ? prng.between(300, 3_000) : prng.between(3_000, 9_000)
        const delay = prng.between(50, 700)
        const [what, begin] = prng.pick<readonly [string, Effect.Effect<void>]>([
          ["is cut", network.cut],
          ["is silent", network.pause],
          ["is half open", network.mute],
          ["loses answers", network.lose],
          ["loses answers", network.lose],
          [`is ${delay} ms slower`, network.slow(delay)],
        ])
        yield* begin
        return { text: `${name} ${what} for ${seconds(millis)}`, millis, heal: network.heal }
      }),
  })

/** The database is ended at once, or cleanly, and comes back. */
export const databaseRestart = (server: TestServer.TestServer): Faults.Fault => ({
  kind: "restarts of the database",
  weight: 1,
  begin: (prng) =>
    Effect.gen(function* () {
      // Fast, at once, and without a chance to clean up.
      const signal = prng.pick(["SIGINT", "SIGQUIT", "SIGKILL"])
      const millis = prng.between(100, 4_000)
      yield* server.kill(signal)
      return {
        text: `the database is ended by ${signal}, for ${seconds(millis)}`,
        millis,
        heal: Effect.orDie(server.start),
      }
    }),
})

/** The disk of the database is full. `afterwards` is done when it has room again. */
export const fullDisk = (disk: Disk.Disk, afterwards: Effect.Effect<void>): Faults.Fault => ({
  kind: "full disks",
  weight: 0.8,
  begin: (prng) =>
    Effect.gen(function* () {
      const millis = prng.between(300, 5_000)
      yield* disk.fill
      return {
        text: `the disk is full for ${seconds(millis)}`,
        millis,
        heal: Effect.zipRight(disk.free, afterwards),
      }
    }),
})
