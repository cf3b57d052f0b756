/** Faults of claims and of fences. */
import { Claims } from "@runlease/core/Claims"
import type { RunId } from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { type Fence, LeaseEpoch } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import type { RememberedLeases } from "@runlease/core/store/RememberedLeases"
import { Clock, DateTime, Effect } from "effect"
import { all, replace } from "./Fault.js"

/** Renews by the owner alone, so a worker that has claimed its run again renews its old lease too. */
export const renewalWithoutEpoch = replace(Leases, (leases) => ({
  ...leases,
  renew: (request) =>
    leases.renew({ ...request, leases: request.leases.map(({ runId }) => ({ runId, epoch: null })) }),
}))

const withoutEpoch = <F extends Fence>(fence: F): F => ({ ...fence, epoch: null })

/** Whether the fence names the holder of a run whose lease has lapsed and has not been swept. */
const isLapsed = (runId: RunId, fence: Fence | undefined) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { lease, status } = yield* runs.get(runId)
    const now = yield* DateTime.now
    return (
      status === "running" &&
      lease !== null &&
      lease.owner === fence?.workerId &&
      lease.epoch === fence.epoch &&
      DateTime.lessThanOrEqualTo(lease.expiresAt, now)
    )
  })

const firstEpoch = LeaseEpoch.make(1)

/** Returns the same epoch with each claim, and checks the owner alone. */
export const sameEpoch = all(
  replace(Claims, ({ claim }) => ({
    claim: (request) =>
      Effect.map(claim(request), (claimed) => claimed.map((run) => ({ ...run, leaseEpoch: firstEpoch }))),
  })),
  replace(Leases, (leases) => ({
    ...leases,
    renew: (request) =>
      leases.renew({ ...request, leases: request.leases.map(({ runId }) => ({ runId, epoch: null })) }),
    release: (lease, release) => leases.release(withoutEpoch(lease), release),
    complete: (lease, outcome, last, consumed) =>
      leases.complete(withoutEpoch(lease), outcome, last, consumed),
    suspend: (lease, suspension) => leases.suspend(withoutEpoch(lease), suspension),
    spawn: (lease, spawn) => leases.spawn(withoutEpoch(lease), spawn),
  })),
  replace(RunLog, (log) => ({
    ...log,
    append: (request) =>
      log.append(request.fence === undefined ? request : { ...request, fence: withoutEpoch(request.fence) }),
  })),
)

/**
 * Checks the fence of an append, does something else for a while, and then appends for the holder of that time. Only what is slow lets
 * others in between, so a disk that is slow now and then does it.
 */
export const appendCheckedBefore = replace(RunLog, (log, ports) => {
  let count = 0
  return {
    ...log,
    append: (request) =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const { lease, status } = yield* runs.get(request.runId)
        const isOwned =
          status === "running" &&
          lease !== null &&
          lease.owner === request.fence?.workerId &&
          lease.epoch === request.fence.epoch
        if (!isOwned) return yield* log.append(request)
        count += 1
        yield* Effect.sleep(count % 3 === 0 ? 4_000 : 1)
        const { lease: later } = yield* runs.get(request.runId)
        if (later === null) return yield* log.append(request)
        return yield* log.append({ ...request, fence: { workerId: later.owner, epoch: later.epoch } })
      }).pipe(Effect.provide(ports)),
  }
})

/** Appends for the holder of a lapsed lease, until a sweep takes its run away. */
export const lapsedAppend = replace(RunLog, (log, ports) => ({
  ...log,
  append: (request) =>
    Effect.flatMap(isLapsed(request.runId, request.fence), (lapsed) =>
      log.append(lapsed ? { ...request, fence: undefined } : request),
    ).pipe(Effect.provide(ports)),
}))

/** Ends a run for the holder of a lapsed lease, until a sweep takes the run away. */
export const lapsedComplete = replace(Leases, (leases, ports) => ({
  ...leases,
  complete: (lease, outcome, last, consumed) =>
    Effect.gen(function* () {
      const { runId } = lease
      if (!(yield* isLapsed(runId, lease))) return yield* leases.complete(lease, outcome, last, consumed)
      const log = yield* RunLog
      const runs = yield* Runs
      if (last !== undefined) yield* Effect.ignore(log.append({ runId, ...last }))
      return yield* runs.complete(runId, outcome)
    }).pipe(Effect.provide(ports)),
}))

/**
 * The deadline of a claimed run counts from when the claim had waited. So a worker counts from the answer where the claim seems to have
 * waited for as long as it took.
 */
export const deadlineFromAnswer = replace(Claims, ({ claim }) => ({
  claim: (request) =>
    Effect.gen(function* () {
      const sentAt = yield* Clock.currentTimeNanos
      const claimed = yield* claim(request)
      const waitedMillis = Number(((yield* Clock.currentTimeNanos) - sentAt) / 1_000_000n)
      return claimed.map((run) => ({ ...run, waitedMillis }))
    }),
}))

/** Remembers runs as they were before another server has written them. */
export const rememberedAfterUndo = (remembered: RememberedLeases): RememberedLeases => ({
  ...remembered,
  forget: () => {},
})
