/** The cost of idle runs in flight: memory, and the CPU of renewing their leases. */
import Sqlite from "better-sqlite3"
import { Duration, Effect, Schedule } from "effect"
import * as Backlog from "../Backlog.js"
import * as Child from "../Child.js"
import { once } from "../Figures.js"
import type { Options, Calls } from "../holder.js"
import * as Machine from "../Machine.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"

type Holder = Child.Child<null, Calls>

const untilHeld = (holder: Holder, count: number) =>
  Effect.repeat(Effect.delay(holder.call("inFlight"), "100 millis"), {
    until: (inFlight) => inFlight >= count,
  })

/** The used part of the lease that is closest to its end. */
const oldestLease = (filename: string, leaseMillis: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Sqlite(filename, { readonly: true })),
      (database) => Effect.sync(() => database.close()),
    ),
    (database) => {
      const earliest = database
        .prepare(
          "SELECT min(lease_expires_at) FROM runs WHERE status = 'running' AND lease_owner IS NOT NULL",
        )
        .pluck()
      return Effect.sync(() => 1 - ((earliest.get() as number) - Date.now()) / leaseMillis)
    },
  )

export const measure = Effect.gen(function* () {
  const { inFlight, lease, leases } = yield* Scale
  const store = yield* Machine.sqlite("held", "normal")
  const server = yield* Stores.server(store)
  const startHolder = (agent: string) =>
    Child.start<null, Calls>("holder.ts", {
      served: server.ready,
      agent,
      concurrency: leases,
      lease,
    } satisfies Options)
  const idle = yield* startHolder("idle")
  const holder = yield* startHolder(submission.agentId)

  // A few runs compile the code paths before the memory of an idle worker is measured.
  const few = 20
  // The server gets no wake-up for rows written directly, and finds them when it polls.
  const holdUpTo = (count: number, more: number) =>
    Effect.zipRight(Backlog.fill(store, { pending: more }), untilHeld(holder, count))
  yield* holdUpTo(few, few)
  const before = yield* holder.call("memory")
  yield* holdUpTo(few + inFlight, inFlight)
  const after = yield* holder.call("memory")

  yield* holdUpTo(leases, leases - inFlight - few)
  // The first renewals compile their code.
  yield* Effect.sleep(Duration.seconds(lease / 2))
  const cpus = Effect.all({ idle: idle.call("cpu"), holder: holder.call("cpu"), server: server.call("cpu") })
  const cpuBefore = yield* cpus
  let latest = 0
  const watched = Effect.map(yield* oldestLease(store.filename, lease * 1000), (used) => {
    latest = Math.max(latest, used)
  })
  // Two renewals of everything.
  const { millis } = yield* Rounds.timed(
    Effect.repeat(watched, Schedule.upTo(Schedule.spaced("100 millis"), Duration.seconds((2 * lease) / 3))),
  )
  const cpuAfter = yield* cpus
  const remaining = yield* holder.call("inFlight")
  if (remaining !== leases)
    return yield* Effect.dieMessage(`The worker lost ${leases - remaining} of its leases`)

  // One microsecond per millisecond is a tenth of a percent.
  const percent = (process: keyof typeof cpuAfter) =>
    once((cpuAfter[process] - cpuBefore[process]) / millis / 10)
  const megabytes = (what: keyof Child.Memory) => once((after[what] - before[what]) / 2 ** 20)
  return {
    title: `${leases.toLocaleString("en-US")} leases of ${lease} s held over the network; memory of ${inFlight.toLocaleString("en-US")} runs`,
    figures: [
      { name: "CPU of an idle worker", unit: "% of a core", value: percent("idle") },
      { name: "CPU of the worker", unit: "% of a core", value: percent("holder") },
      { name: "CPU of the server", unit: "% of a core", value: percent("server") },
      { name: "Latest renewal", unit: "of the lease", value: once(latest) },
      { name: "Memory of the worker, heap", unit: "MB above idle", value: megabytes("heapUsed") },
      { name: "Memory of the worker, resident", unit: "MB above idle", value: megabytes("rss") },
    ],
  }
}).pipe(Effect.scoped)
