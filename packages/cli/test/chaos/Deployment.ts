/**
 * A control plane with its workers and clients, as processes of the command, and a connection of its own for each that can go wrong.
 */
import { freePort } from "@runlease/test-postgres/FreePort"
import { Effect, type Scope } from "effect"
import type { Recorder } from "../../../testkit/src/simulation/Recorder.js"
import * as Proxies from "../Proxies.js"
import type * as Faults from "./Faults.js"
import * as FaultKinds from "./FaultKinds.js"
import type { Store } from "./Store.js"
import * as Supervised from "./Supervised.js"

/** `runlease` is the path of the bundled command, `scripts` that of the module of its workers. */
export interface Settings {
  readonly folder: string
  readonly journal: string
  readonly work: string
  readonly runlease: string
  readonly scripts: string
  readonly program: string
  readonly seed: number
  readonly store: Store
  readonly recorder: Recorder
  readonly unexpected: Supervised.Settings["unexpected"]
}

export interface Deployment {
  /** Where a server listens. */
  readonly url: string
  /** Where clients reach servers, by connections that can go wrong. */
  readonly clientUrls: ReadonlyArray<string>
  readonly apiKey: string
  readonly slots: Readonly<Record<string, number>>
  readonly faults: ReadonlyArray<Faults.Fault>
  /** Ends all of its processes by SIGTERM, the workers first. Gives those that did not end with code 0 or by the signal. */
  readonly close: Effect.Effect<ReadonlyArray<string>>
}

/** The length of leases, in milliseconds: the shortest that the command takes. */
export const lease = 5_000

const apiKey = `rlk_${"c4a05".repeat(12)}c4a0`

/** The workers: what they execute, and how many runs at once. */
const workersOf = ({ journal, program, scripts, seed, work }: Settings) => {
  const script = {
    slots: 10,
    flags: ["--agent", "agent", "--module", scripts],
    env: (process: string) => ({ CHAOS_JOURNAL: journal, CHAOS_PROCESS: process, CHAOS_SEED: String(seed) }),
  }
  const command = {
    slots: 6,
    flags: [
      ["--agent", "program"],
      ["--work-root", work],
      ["--env", `CHAOS_JOURNAL=${journal}`],
      ["--command", process.execPath],
      ["--", program],
    ].flat(),
    env: () => ({}),
  }
  return [script, command, script, command]
}

/** Starts everything, and waits until the servers are ready. The Scope kills it. */
export const make = (settings: Settings): Effect.Effect<Deployment, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { folder, recorder, runlease, store, unexpected } = settings
    const common = { folder, recorder, unexpected }

    const servers = yield* Effect.forEach(store.databases, (database, index) =>
      Effect.gen(function* () {
        const port = yield* freePort
        const url = `http://127.0.0.1:${port}`
        const process = yield* Supervised.make({
          ...common,
          name: `server-${index + 1}`,
          args: [runlease, "serve", "--port", String(port), "--json", "--database", database],
          env: () => ({ RUNLEASE_API_KEY: apiKey }),
        })
        return { url, process }
      }),
    )
    yield* Effect.forEach(servers, ({ url }) => Supervised.untilReady(url), { discard: true })

    const urlFor = (nth: number): string => servers[nth % servers.length]!.url
    const clients = yield* Effect.forEach([1, 2], (nth) =>
      Effect.map(Proxies.network(urlFor(nth)), (link) => ({ link, name: `client-${nth} to its server` })),
    )

    const workers = yield* Effect.forEach(workersOf(settings), ({ env, flags, slots }, index) =>
      Effect.gen(function* () {
        const name = `worker-${index + 1}`
        // Those of each sort are spread over the servers.
        const link = yield* Proxies.network(urlFor(Math.floor(index / 2)))
        const process = yield* Supervised.make({
          ...common,
          name,
          args: [
            runlease,
            "worker",
            "--json",
            "--take-over",
            `--key=${name}`,
            `--lease=${lease / 1000}s`,
            "--drain-timeout=2s",
            `--concurrency=${slots}`,
            ...flags,
          ],
          env: (incarnation) => ({ RUNLEASE_URL: link.url, RUNLEASE_API_KEY: apiKey, ...env(incarnation) }),
        })
        return { link, process, slots, name: `${name} to its server` }
      }),
    )

    const ofServers = servers.map(({ process }) => process)
    const ofWorkers = workers.map(({ process }) => process)
    const close = (processes: ReadonlyArray<Supervised.Supervised>) =>
      Effect.forEach(
        processes,
        ({ close: end, name }) =>
          Effect.map(end, (code) => (code === 0 || code === null ? [] : [`${name} ended with code ${code}`])),
        { concurrency: "unbounded" },
      )
    return {
      url: urlFor(0),
      clientUrls: clients.map(({ link }) => link.url),
      apiKey,
      slots: Object.fromEntries(workers.map(({ process, slots }) => [process.name, slots])),
      faults: [
        FaultKinds.end("killed", ofWorkers, 3),
        FaultKinds.end("told to end", ofWorkers, 1),
        FaultKinds.pause(ofWorkers, 3, 12_000),
        FaultKinds.end("killed", ofServers, 0.8),
        FaultKinds.end("told to end", ofServers, 0.4),
        FaultKinds.pause(ofServers, 0.8, 6_000),
        ...[...workers, ...clients].flatMap(({ link, name }) => FaultKinds.badLink(name, link, 0.7)),
      ],
      close: Effect.map(
        Effect.zipWith(close(ofWorkers), close(ofServers), (a, b) => [...a, ...b]),
        (ended) => ended.flat(),
      ),
    }
  })
