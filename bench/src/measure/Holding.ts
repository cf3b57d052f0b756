/** What runs in flight cost while nothing happens: memory, and the CPU of keeping their leases. */
import { Ids, Runs } from "@runlease/core"
import { Context, Duration, Effect } from "effect"
import { submission } from "../BareExchange.js"
import * as Child from "../Child.js"
import type { HolderOptions } from "../holder.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import * as Stores from "../Stores.js"

const submitMany = (ports: Stores.Ports, agent: string, count: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () => Context.get(ports, Runs.Runs).submit({ ...submission, agentId: Ids.AgentId.make(agent) }),
    { concurrency: 64, discard: true },
  )

const untilHeld = (holder: Child.Child<unknown>, count: number) =>
  Effect.repeat(Effect.delay(holder.ask("inFlight"), "100 millis"), { until: (held) => held >= count })

export const measure = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const { inFlight, lease, leases } = yield* Scale
  const filename = `${folder}/served.sqlite`
  const server = yield* Stores.server({ filename, synchronous: "normal" })
  // Submitted straight into the server's file, since submitting is not what is measured.
  const ports = yield* Stores.local(filename, "normal")
  const startHolder = (name: string) =>
    Child.start<null>("holder.ts", {
      served: server.ready,
      name,
      agent: name,
      concurrency: leases,
      lease,
    } satisfies HolderOptions)
  const idle = yield* startHolder("idle")
  const holder = yield* startHolder("holder")

  // The code paths of a run are compiled before the memory of an idle worker is taken.
  yield* submitMany(ports, "holder", 20)
  yield* untilHeld(holder, 20)
  const memories = Effect.all({ worker: holder.ask("memory"), server: server.ask("memory") })
  const before = yield* memories
  yield* submitMany(ports, "holder", inFlight)
  yield* untilHeld(holder, inFlight + 20)
  const after = yield* memories

  yield* submitMany(ports, "holder", leases - inFlight - 20)
  yield* untilHeld(holder, leases)
  // The first renewals compile their code.
  yield* Effect.sleep(Duration.seconds(lease / 3))
  const cpus = Effect.all({ idle: idle.ask("cpu"), holder: holder.ask("cpu"), server: server.ask("cpu") })
  const cpuBefore = yield* cpus
  // Two renewals of everything.
  const { millis } = yield* Rounds.timed(Effect.sleep(Duration.seconds((2 * lease) / 3)))
  const cpuAfter = yield* cpus
  const held = yield* holder.ask("inFlight")
  if (held !== leases) return yield* Effect.dieMessage(`The worker lost ${leases - held} of its leases`)
  // A microsecond of a millisecond is a tenth of a percent.
  const percent = (who: keyof typeof cpuAfter) => (cpuAfter[who] - cpuBefore[who]) / millis / 10
  const kilobytes = (who: "worker" | "server", what: keyof Child.Memory) =>
    (after[who][what] - before[who][what]) / 1024 / inFlight
  return {
    leases,
    leaseSeconds: lease,
    inFlight,
    cpuPercent: { idle: percent("idle"), holder: percent("holder"), server: percent("server") },
    kilobytesPerRun: {
      worker: { heap: kilobytes("worker", "heapUsed"), rss: kilobytes("worker", "rss") },
      server: { heap: kilobytes("server", "heapUsed"), rss: kilobytes("server", "rss") },
    },
  }
}).pipe(Effect.scoped)
