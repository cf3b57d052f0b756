/** Runs that have paid and failed. */
import { Claims, Leases, RunLog, Runs, WorkerRegistry } from "@runlease/core"
import { Effect } from "effect"

/** Runs that have failed behind a recorded step. */
export const paidAndFailed = (all: number) =>
  Effect.gen(function* () {
    const { runs, leases, log, claims, registry } = yield* Effect.all({
      runs: Runs.Runs,
      leases: Leases.Leases,
      log: RunLog.RunLog,
      claims: Claims.Claims,
      registry: WorkerRegistry.WorkerRegistry,
    })
    const { id: workerId } = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
    yield* runs.submitMany(Array.from({ length: all }, () => ({ agentId: "agent", concurrencyKey: null })))
    let claimed = yield* claims.claim({ workerId, limit: 100, leaseDuration: "60 seconds" })
    while (claimed.length > 0) {
      yield* Effect.forEach(
        claimed,
        ({ leaseEpoch: epoch, runId }) => {
          const fence = { workerId, epoch }
          const record = { step_id: "pay", record_id: runId, name: "pay" }
          const events = [{ type: "CUSTOM", name: "runlease.step", value: record }]
          return Effect.zipRight(
            log.append({ runId, events, fence }),
            leases.complete({ ...fence, runId }, { status: "failed" }),
          )
        },
        { concurrency: "unbounded" },
      )
      claimed = yield* claims.claim({ workerId, limit: 100, leaseDuration: "60 seconds" })
    }
  })
