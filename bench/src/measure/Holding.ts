/** What runs in flight cost while nothing happens: memory, and the CPU of keeping their leases. */
import Sqlite from "better-sqlite3"
import { Duration, Effect, Schedule } from "effect"
import * as Backlog from "../Backlog.js"
import * as Child from "../Child.js"
import { once } from "../Figures.js"
import type { Options, Questions } from "../holder.js"
import * as Machine from "../Machine.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"

type Holder = Child.Child<null, Questions>

const untilHeld = (holder: Holder, count: number) =>
  Effect.repeat(Effect.delay(holder.ask("inFlight"), "100 millis"), { until: (held) => held >= count })

/** How much of its lease the run that waits longest for its renewal has used up. */
const oldest = (filename: string, leaseMillis: number) =>
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
    Child.start<null, Questions>("holder.ts", {
      served: server.ready,
      agent,
      concurrency: leases,
      lease,
    } satisfies Options)
  const idle = yield* startHolder("idle")
  const holder = yield* startHolder(submission.agentId)

  // The code paths of a run are compiled before the memory of an idle worker is taken.
  const few = 20
  // The server does not know of rows that are written behind its back, and looks by itself after a while.
  const holdUpTo = (count: number, more: number) =>
    Effect.zipRight(Backlog.fill(store, { pending: more }), untilHeld(holder, count))
  yield* holdUpTo(few, few)
  const before = yield* holder.ask("memory")
  yield* holdUpTo(few + inFlight, inFlight)
  const after = yield* holder.ask("memory")

  yield* holdUpTo(leases, leases - inFlight - few)
  // The first renewals compile their code.
  yield* Effect.sleep(Duration.seconds(lease / 2))
  const cpus = Effect.all({ idle: idle.ask("cpu"), holder: holder.ask("cpu"), server: server.ask("cpu") })
  const cpuBefore = yield* cpus
  let latest = 0
  const watched = Effect.map(yield* oldest(store.filename, lease * 1000), (used) => {
    latest = Math.max(latest, used)
  })
  // Two renewals of everything.
  const { millis } = yield* Rounds.timed(
    Effect.repeat(watched, Schedule.upTo(Schedule.spaced("100 millis"), Duration.seconds((2 * lease) / 3))),
  )
  const cpuAfter = yield* cpus
  const held = yield* holder.ask("inFlight")
  if (held !== leases) return yield* Effect.dieMessage(`The worker lost ${leases - held} of its leases`)

  // A microsecond of a millisecond is a tenth of a percent.
  const percent = (who: keyof typeof cpuAfter) => once((cpuAfter[who] - cpuBefore[who]) / millis / 10)
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
