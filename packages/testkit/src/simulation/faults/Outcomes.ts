/** Faults of submissions, cancellations and ends. */
import type { RunId } from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { type Outcome, Runs } from "@runlease/core/Runs"
import { DateTime, Effect } from "effect"
import { all, type Change, replace, showing } from "./Fault.js"

/** Informs workers of cancellations by signals alone. */
export const cancelOnlyPushed = replace(Leases, (leases) => ({
  ...leases,
  renew: (request) =>
    Effect.gen(function* () {
      const renewals = yield* leases.renew(request)
      const expiresAt = DateTime.addDuration(yield* DateTime.now, request.leaseDuration)
      return renewals.map((renewal) =>
        renewal._tag === "Cancelled"
          ? { _tag: "Renewed" as const, runId: renewal.runId, expiresAt }
          : renewal,
      )
    }),
}))

/** Lets each outcome of a run replace the one before. */
export const lastOutcomeWins: Change = (ports) =>
  Effect.suspend(() => {
    const outcomes = new Map<RunId, Outcome>()
    return all(
      replace(Leases, (leases) => ({
        ...leases,
        complete: (lease, outcome, last, consumed) =>
          Effect.map(leases.complete(lease, outcome, last, consumed), () => {
            outcomes.set(lease.runId, outcome)
            return { completed: true }
          }),
      })),
      showing((run) => {
        const outcome = outcomes.get(run.runId)
        if (outcome === undefined || run.finishedAt === null) return run
        const { error = null, result = null, status } = outcome
        return { ...run, status, error, result }
      }),
    )(ports)
  })

/** Acknowledges each fifth outcome without it. */
export const lostOutcome = replace(Leases, (leases) => {
  let count = 0
  return {
    ...leases,
    complete: (...args) =>
      Effect.suspend(() => {
        count += 1
        return count % 5 === 0 ? Effect.succeed({ completed: true }) : leases.complete(...args)
      }),
  }
})

/** Acknowledges each fifth submission without it. */
export const lostSubmission = replace(Runs, (runs) => {
  let count = 0
  return {
    ...runs,
    submit: (submission) =>
      Effect.suspend(() => {
        count += 1
        return count % 5 === 0
          ? Effect.map(runs.submit({ ...submission, publicId: undefined }), (submitted) => ({
              ...submitted,
              run: { ...submitted.run, runId: (submission.publicId ?? "") as RunId },
            }))
          : runs.submit(submission)
      }),
  }
})

/** Lets runs of one conversation overlap. */
export const withoutLanes = replace(Runs, (runs) => ({
  ...runs,
  submit: (submission) => runs.submit({ ...submission, concurrencyKey: null }),
}))

/** Lets a run try as often as any run may. */
export const withoutBound = replace(Runs, (runs) => ({
  ...runs,
  submit: (submission) => runs.submit({ ...submission, maxAttempts: 100 }),
}))

/** Sends a run each message without its key, so one that is sent again is stored again. */
export const withoutKeys = replace(Runs, (runs) => ({
  ...runs,
  tell: (runId, { parts }) => runs.tell(runId, { parts }),
}))
