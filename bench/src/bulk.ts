/**
 * How fast a bulk operation cancels pending runs, and what another project notices of it: the time of a claim of a worker that submits,
 * claims and ends one run after the other, without the operation and beside it. Worker and store are in one process.
 *
 * `--runs=N` is how many are cancelled, 100,000 when absent.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import {
  Access,
  BulkOperations,
  Claims,
  ControlPlane,
  Leases,
  Run,
  Runs,
  WorkerRegistry,
} from "@runlease/core"
import { Clock, Console, Context, Effect, Fiber, Ref, Schedule } from "effect"
import * as Postgres from "./Postgres.js"
import * as Statistics from "./Statistics.js"
import * as Stores from "./Stores.js"
import { submission } from "./Submission.js"
import * as Table from "./Table.js"

const count = Number(
  process.argv.find((argument) => argument.startsWith("--runs="))?.slice("--runs=".length) ?? 100_000,
)

/** How long the other project is measured alone. */
const alone = "5 seconds"

const millis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* millis
    yield* effect
    return (yield* millis) - before
  })

/** Submits, claims and ends runs of a project until it is interrupted, and records how long each claim takes. */
const work = (ports: Context.Context<ControlPlane.StorePorts>, times: Ref.Ref<ReadonlyArray<number>>) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const [runs, claims, leases] = [yield* Runs.Runs, yield* Claims.Claims, yield* Leases.Leases]
    const { id: workerId } = yield* registry.register({ implementationKind: "bench", workerKey: "bench" })
    const one = Effect.gen(function* () {
      yield* runs.submit(submission)
      let claimed: ReadonlyArray<Run.ClaimedRun> = []
      const time = yield* timed(
        Effect.map(claims.claim({ workerId, limit: 1, leaseDuration: "1 minute" }), (found) => {
          claimed = found
        }),
      )
      yield* Ref.update(times, (all) => [...all, time])
      for (const { leaseEpoch: epoch, runId } of claimed) {
        yield* leases.complete({ runId, workerId, epoch }, { status: "completed" })
      }
      yield* Effect.sleep("2 millis")
    })
    return yield* Effect.forever(one)
  }).pipe(Effect.provide(ports))

const fill = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  for (let done = 0; done < count; done += 500) {
    yield* runs.submitMany(Array.from({ length: Math.min(500, count - done) }, () => submission))
  }
})

const cancelAll = Effect.gen(function* () {
  const { create, get } = yield* BulkOperations.BulkOperations
  const { id } = yield* create({ action: "cancel", filter: { status: "pending" } })
  const ended = yield* Effect.repeat(get(id), {
    schedule: Schedule.spaced("50 millis").pipe(Schedule.zipRight(Schedule.identity<BulkEnd>())),
    until: ({ status }) => status !== "running",
  })
  if (ended.done !== count) return yield* Effect.dieMessage(`${ended.done} of ${count} were cancelled`)
})

type BulkEnd = Effect.Effect.Success<ReturnType<BulkOperations.BulkOperations["Type"]["get"]>>

const project = (slug: string) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const controlPlane = yield* ControlPlane.ControlPlane
    const { id } = yield* access.createProject(slug)
    return controlPlane.project(id)
  })

const measure = (name: string, options: Stores.StoreOptions) =>
  Effect.gen(function* () {
    const context = yield* Stores.local(options)
    const [large, other] = yield* Effect.provide(Effect.all([project("large"), project("other")]), context)
    yield* Effect.provide(fill, large)
    const times = yield* Ref.make<ReadonlyArray<number>>([])
    const worker = yield* Effect.fork(work(other, times))
    yield* Effect.sleep("2 seconds")
    yield* Ref.set(times, [])
    yield* Effect.sleep(alone)
    const without = yield* Ref.getAndSet(times, [])
    const took = yield* timed(Effect.provide(cancelAll, large))
    const beside = yield* Ref.get(times)
    yield* Fiber.interrupt(worker)
    const p95 = [without, beside].map((all) => Statistics.quantile(all, 0.95))
    const p50 = [without, beside].map((all) => Statistics.median(all))
    return [
      name,
      Table.number((count / took) * 1000),
      Table.number(took / 1000),
      ...[p50[0]!, p50[1]!, p95[0]!, p95[1]!].map(Table.number),
      Table.ratio(p95[1]!, p95[0]!),
      String(beside.length),
    ]
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const rows = [
    yield* measure("SQLite", {
      _tag: "Sqlite",
      filename: `${folder}/bulk.sqlite`,
      synchronous: "normal",
    }),
  ]
  const server = yield* Postgres.server
  const url = yield* Postgres.database(server.url, "bulk")
  rows.push(yield* measure("PostgreSQL", { _tag: "Postgres", url }))
  yield* Console.log(
    Table.render(
      `Cancel ${count.toLocaleString("en-US")} pending runs`,
      [
        "store",
        "runs/s",
        "s",
        "claim alone, p50 ms",
        "beside, p50 ms",
        "alone, p95 ms",
        "beside, p95 ms",
        "p95",
        "claims beside",
      ],
      rows,
    ),
  )
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(NodeContext.layer)))
