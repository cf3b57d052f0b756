/** The cost of idle runs in flight: memory, and the CPU of renewing their leases. */
import { Duration, Effect, Schedule } from "effect"
import * as Child from "../Child.js"
import { type Part, summaries } from "../Figures.js"
import * as Backlog from "../hand/Backlog.js"
import * as OldestLease from "../hand/OldestLease.js"
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

export const measure = Effect.gen(function* () {
  const { inFlight, lease, leases } = yield* Scale
  const store = yield* Machine.sqlite("held", "normal")
  yield* Effect.scoped(Stores.local(store))
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
  const watched = Effect.map(yield* OldestLease.usedPart(store.filename, lease * 1000), (used) => {
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
  const percent = (process: keyof typeof cpuAfter) => (cpuAfter[process] - cpuBefore[process]) / millis / 10
  const megabytes = (what: keyof Child.Memory) => (after[what] - before[what]) / 2 ** 20
  return {
    title: `${leases.toLocaleString("en-US")} leases of ${lease} s held over the network; memory of ${inFlight.toLocaleString("en-US")} runs in flight`,
    columns: [
      { name: "CPU of the worker", unit: "% of a core" },
      { name: "CPU of the server", unit: "% of a core" },
      { name: "latest renewal", unit: "of the lease" },
      { name: "heap", unit: "MB" },
      { name: "resident", unit: "MB" },
    ],
    rows: [
      { name: "An idle worker", figures: summaries([{ "CPU of the worker": percent("idle") }]) },
      {
        name: "A worker with leases",
        figures: summaries([
          {
            "CPU of the worker": percent("holder"),
            "CPU of the server": percent("server"),
            "latest renewal": latest,
            heap: megabytes("heapUsed"),
            resident: megabytes("rss"),
          },
        ]),
      },
    ],
  } satisfies Part
}).pipe(Effect.scoped)
