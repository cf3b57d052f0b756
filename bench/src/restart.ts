/**
 * What a server gets when it comes back to a fleet: 500 workers in one process hold 10,000 leases, the server is killed and started again.
 *
 * `--minutes=N` is how long the leases are held in all, 1 when absent; `--workers`, `--slots` and `--lease` (in seconds) change the fleet.
 * `--away=SECONDS` starts the next server before the kill, which listens that much after it; without it the next one starts after the kill.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Runs } from "@runlease/core"
import { Console, Context, Duration, Effect, Exit, Schedule, Scope } from "effect"
import * as Arrivals from "./Arrivals.js"
import * as Child from "./Child.js"
import type { Calls as ServerCalls, Options } from "./countedServer.js"
import type { Calls as FleetCalls, Options as FleetOptions } from "./fleet.js"
import { freePort } from "@runlease/test-postgres/FreePort"
import { numberOf } from "./Flags.js"
import * as LeaseGaps from "./hand/LeaseGaps.js"
import * as Stores from "./Stores.js"
import { submission } from "./Submission.js"
import * as Table from "./Table.js"

const minutes = numberOf("minutes", 1)
const workers = numberOf("workers", 500)
const slots = numberOf("slots", 20)
const lease = numberOf("lease", 60)
const away = numberOf("away", NaN)
const leases = workers * slots

const startServer = (options: Options) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const child = yield* Scope.extend(
      Child.start<Stores.Served, ServerCalls>("countedServer.ts", options),
      scope,
    )
    return { ...child, kill: Scope.close(scope, Exit.void) }
  })

const show = (arrivals: Arrivals.Arrivals) =>
  Table.render(
    "Requests since the server listens again",
    ["kind", ...Array.from({ length: 10 }, (_, second) => `${second + 1}. s`)],
    [
      ...Object.entries(arrivals).map(([kind, buckets]) => [
        kind,
        ...Arrivals.sums({ [kind]: buckets }, 1000, 10).map(String),
      ]),
      ["all", ...Arrivals.sums(arrivals, 1000, 10).map(String)],
    ],
  )

const program = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const store: Stores.SqliteOptions = {
    _tag: "Sqlite",
    filename: `${folder}/restart.sqlite`,
    synchronous: "normal",
  }
  const port = yield* freePort
  const server = yield* startServer({ store, port })
  yield* server.call("listen")
  const runs = Context.get(yield* Stores.client(server.ready, true), Runs.Runs)
  yield* Effect.replicateEffect(runs.submit(submission), leases, { concurrency: 64, discard: true })
  const fleet = yield* Child.start<null, FleetCalls>("fleet.ts", {
    served: server.ready,
    workers,
    slots,
    lease,
  } satisfies FleetOptions)
  yield* Effect.repeat(fleet.call("state"), {
    until: ({ inFlight }) => inFlight === leases,
    schedule: Schedule.spaced("200 millis"),
  })
  yield* Console.log(`${workers} workers hold ${leases} leases of ${lease} s`)
  yield* Effect.sleep(Duration.seconds(Math.max(lease / 2, minutes * 20)))

  const prepared = Number.isNaN(away) ? undefined : yield* startServer({ store, port })
  yield* server.kill
  const killedAt = performance.now()
  const again = prepared ?? (yield* startServer({ store, port }))
  if (prepared !== undefined) yield* Effect.sleep(Duration.seconds(away))
  const cpuBefore = yield* again.call("cpu")
  const fleetBefore = yield* Effect.all({ cpu: fleet.call("cpu"), loop: fleet.call("loop") })
  yield* again.call("listen")
  const awayMillis = performance.now() - killedAt
  yield* Effect.sleep("10 seconds")
  const cpu = (yield* again.call("cpu")) - cpuBefore
  const fleetAfter = yield* Effect.all({ cpu: fleet.call("cpu"), loop: fleet.call("loop") })
  const first = yield* again.call("arrivals")
  yield* Console.log(show(first))
  yield* Effect.sleep(Duration.seconds(Math.max(lease, minutes * 40 - 10)))

  const { ended, inFlight, ready } = yield* fleet.call("state")
  const gaps = yield* LeaseGaps.read(store.filename, lease * 500)
  const tenths = Arrivals.sums(first, 100, 100)
  const peak = Math.max(...tenths)
  yield* Console.log(
    [
      `away for ${(awayMillis / 1000).toFixed(1)} s`,
      `requests in the first second: ${Arrivals.sums(first, 1000, 1)[0]}; most in a tenth of a second: ${peak}, after ${tenths.indexOf(peak) / 10} s`,
      `CPU of the new server in its first 10 s: ${(cpu / 1e6).toFixed(1)} s`,
      `CPU of the fleet in these 10 s: ${((fleetAfter.cpu - fleetBefore.cpu) / 1e6).toFixed(1)} s; its event loop was busy for ${((fleetAfter.loop.busy - fleetBefore.loop.busy) / 1e3).toFixed(1)} s`,
      `leases held at the end: ${inFlight} of ${leases}; lost: ${JSON.stringify(ended)}; runs with more than one attempt: ${gaps.repeated}`,
      `longest time between two renewals of a lease: ${(gaps.longest / 1000).toFixed(1)} s; over half of its length: ${gaps.late}`,
      `workers that are ready: ${ready} of ${workers}`,
    ].join("\n"),
  )
})

program.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
