import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, type ControlPlane, Leases, type Run, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { ConfigProvider, Console, Context, DateTime, Effect, Layer } from "effect"
import * as Faults from "../src/Faults.js"
import * as PropertySuite from "../src/PropertySuite.js"

type Ports = Layer.Layer<ControlPlane.ProjectPorts>

const renewByOwnerAlone = Faults.over(Leases.Leases, (leases) => ({
  ...leases,
  renew: (request) =>
    leases.renew({ ...request, leases: request.leases.map(({ runId }) => ({ runId, epoch: null })) }),
}))

const releaseCounts = Faults.over(Leases.Leases, (leases) => ({
  ...leases,
  release: (lease, release) => leases.release(lease, { ...release, countAttempt: true }),
}))

/** Checks the append, yields to other fibers, and then appends without a check. */
const appendCheckedBefore = (layer: Ports): Ports =>
  Layer.map(layer, (context) => {
    const log = Context.get(context, RunLog.RunLog)
    const runs = Context.get(context, Runs.Runs)
    const isValid = (run: Run.Run, request: RunLog.AppendRequest): boolean =>
      run.status === "running" &&
      run.lease !== null &&
      run.lease.owner === request.fence?.workerId &&
      run.lease.epoch === request.fence.epoch &&
      (request.expectedEventId ?? run.latestEventId) === run.latestEventId &&
      (request.expectedSequence ?? run.latestSequence) === run.latestSequence
    return Context.add(context, RunLog.RunLog, {
      ...log,
      append: (request) =>
        Effect.gen(function* () {
          const run = yield* runs.get(request.runId)
          if (!isValid(run, request)) return yield* log.append(request)
          yield* Effect.yieldNow()
          return yield* log.append({ runId: request.runId, events: request.events })
        }),
    })
  })

/** Ends a run for the worker that claimed it last, although the lease of the claim has lapsed. */
const lapsedComplete = (layer: Ports): Ports =>
  Layer.map(layer, (context) => {
    const claims = Context.get(context, Claims.Claims)
    const leases = Context.get(context, Leases.Leases)
    const runs = Context.get(context, Runs.Runs)
    const last = new Map<Run.Run["runId"], Run.ClaimedRun>()
    const isLapsed = ({ epoch, runId, workerId }: Run.LeaseRef) =>
      Effect.map(DateTime.now, (now) => {
        const claimed = last.get(runId)
        return (
          claimed !== undefined &&
          claimed.leaseOwner === workerId &&
          claimed.leaseEpoch === epoch &&
          claimed.leaseExpiresAt !== null &&
          DateTime.lessThanOrEqualTo(claimed.leaseExpiresAt, now)
        )
      })
    return context.pipe(
      Context.add(Claims.Claims, {
        claim: (request) =>
          Effect.tap(claims.claim(request), (claimed) =>
            Effect.sync(() => claimed.forEach((run) => last.set(run.runId, run))),
          ),
      }),
      Context.add(Leases.Leases, {
        ...leases,
        complete: (lease, outcome, ...rest) =>
          Effect.flatMap(isLapsed(lease), (lapsed) =>
            lapsed ? runs.complete(lease.runId, outcome) : leases.complete(lease, outcome, ...rest),
          ),
      }),
    )
  })

const oneOverLimit = Faults.over(Runs.Runs, (runs) => ({
  ...runs,
  submit: (submission) =>
    runs.submit(
      submission.concurrencyLimit === undefined
        ? submission
        : { ...submission, concurrencyLimit: submission.concurrencyLimit + 1 },
    ),
}))

/** Checks that a short history shows the fault, and that its replay shows the same history. How short it gets depends on the seed. */
const finds = (title: string, fault: (layer: Ports) => Ports, seed = 349588011) =>
  it.live(`finds ${title}`, () =>
    Effect.gen(function* () {
      const check = PropertySuite.check(fault(MemoryControlPlane.layer), { runs: 5000, seed })
      const report = yield* check
      yield* Console.log(PropertySuite.show(title, report))
      assertTrue(report._tag === "Broken")
      assertTrue(report.lines.length <= 8, "The history is not short")
      const again = yield* Effect.withConfigProvider(
        check,
        ConfigProvider.fromMap(new Map([["RUNLEASE_REPLAY", report.replay]])),
      )
      assertTrue(again._tag === "Broken")
      strictEqual(again.histories, 1)
      deepStrictEqual(again.lines, report.lines)
      strictEqual(again.reason, report.reason)
    }),
  )

describe("Properties over faults", () => {
  finds("a renewal that ignores the epoch", renewByOwnerAlone, 24)
  finds("a release that counts the attempt", releaseCounts)
  finds("an append that is checked outside its transaction", appendCheckedBefore)
  finds("an outcome under a lapsed lease", lapsedComplete, 44)
  finds("a run more than its limit lets in", oneOverLimit, 8)
})
