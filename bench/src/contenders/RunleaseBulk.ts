/** A store with two projects: the runs of one are cancelled by a bulk operation, and a worker claims those of the other. */
import {
  Access,
  BulkOperations,
  Claims,
  ControlPlane,
  Leases,
  type Run,
  Runs,
  WorkerRegistry,
} from "@runlease/core"
import { Effect, Schedule } from "effect"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"
import * as Bulk from "./Bulk.js"

const project = (slug: string) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane.ControlPlane
    const { id } = yield* (yield* Access.Access).createProject(slug)
    return controlPlane.project(id)
  })

const claimOne = Effect.gen(function* () {
  const [registry, runs, claims, leases] = yield* Effect.all([
    WorkerRegistry.WorkerRegistry,
    Runs.Runs,
    Claims.Claims,
    Leases.Leases,
  ])
  const { id: workerId } = yield* registry.register({ implementationKind: "bench", workerKey: "bench" })
  return Effect.gen(function* () {
    yield* runs.submit(submission)
    let claimed: ReadonlyArray<Run.ClaimedRun> = []
    const time = yield* Bulk.timed(
      Effect.map(claims.claim({ workerId, limit: 1, leaseDuration: "1 minute" }), (found) => {
        claimed = found
      }),
    )
    for (const { leaseEpoch: epoch, runId } of claimed) {
      yield* leases.complete({ runId, workerId, epoch }, { status: "completed" })
    }
    return time
  })
})

const fill = (count: number) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    for (let done = 0; done < count; done += 500) {
      yield* runs.submitMany(Array.from({ length: Math.min(500, count - done) }, () => submission))
    }
  })

type Operation = Effect.Effect.Success<ReturnType<BulkOperations.BulkOperations["Type"]["get"]>>

const cancelAll = Effect.gen(function* () {
  const { create, get } = yield* BulkOperations.BulkOperations
  const { id } = yield* create({ action: "cancel", filter: { status: "pending" } })
  const ended = yield* Effect.repeat(get(id), {
    schedule: Schedule.spaced("50 millis").pipe(Schedule.zipRight(Schedule.identity<Operation>())),
    until: ({ status }) => status !== "running",
  })
  if (ended.failed > 0 || ended.skipped > 0) return yield* Effect.dieMessage("Some were not cancelled")
})

Bulk.main<Stores.StoreOptions>(({ store }) =>
  Effect.gen(function* () {
    const context = yield* Stores.local(store)
    const [large, other] = yield* Effect.provide(Effect.all([project("large"), project("other")]), context)
    const claim = yield* Effect.provide(claimOne, other)
    return {
      fill: (count) => Effect.provide(fill(count), large),
      cancelAll: Effect.provide(cancelAll, large),
      claim,
    }
  }),
)
