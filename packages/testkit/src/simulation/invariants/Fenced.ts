/** Each claim raises the epoch of its run, and a former holder changes nothing. */
import type { Grant, LeaseKey, History } from "../History.js"
import { accepted, named } from "./Calls.js"
import { tokensOf } from "./Tokens.js"
import { instant, type Invariant } from "./Violation.js"

interface Granted extends Grant {
  readonly at: number
  readonly claimId: string | undefined
  readonly from: string
}

const grantsOf = (history: History): ReadonlyArray<Granted> =>
  accepted(history, "Claim").flatMap(({ answer, at, call }) =>
    answer.grants.map((grant) => ({ ...grant, at, claimId: call.request.claimId, from: call.from })),
  )

/** A claim that is repeated returns what it returned before. */
const isRepeat = (a: Granted, b: Granted): boolean => a.claimId !== undefined && a.claimId === b.claimId

const notRaised = (grants: ReadonlyArray<Granted>): ReadonlyArray<string> => {
  const latest = new Map<string, Granted>()
  return grants.flatMap((grant) => {
    const before = latest.get(grant.run)
    if (before === undefined || grant.epoch > before.epoch) {
      latest.set(grant.run, grant)
      return []
    }
    return isRepeat(before, grant) || grant.at === before.at
      ? []
      : [
          `run ${grant.run} was given to ${grant.from} with epoch ${grant.epoch} at ${instant(grant.at)}, and to ` +
            `${before.from} with epoch ${before.epoch} at ${instant(before.at)}`,
        ]
  })
}

interface AcceptedOfHolder {
  readonly at: number
  readonly call: { readonly call: string; readonly from: string; readonly request: LeaseKey }
}

/** What the store accepted of holders. */
const acceptedOf = (
  history: History,
): ReadonlyArray<LeaseKey & { readonly at: number; readonly what: string }> => {
  const of = ({ at, call: { call, from, request } }: AcceptedOfHolder) => ({
    run: request.run,
    epoch: request.epoch,
    at,
    what: `${call} of ${from}`,
  })
  return [
    ...accepted(history, "Append").map(of),
    ...accepted(history, "Suspend").map(of),
    ...accepted(history, "Release").map(of),
    ...accepted(history, "Spawn").map(of),
    ...accepted(history, "Complete").flatMap((complete) => (complete.answer.completed ? [of(complete)] : [])),
    ...accepted(history, "Renew").flatMap(({ answer, at, call }) =>
      answer.renewals.flatMap(({ epoch, run, verdict }) =>
        verdict === "Renewed" ? [{ run, epoch, at, what: `Renew of ${call.from}` }] : [],
      ),
    ),
  ]
}

/** Accepted after a later claim had been granted. What happens at one instant has no order here. */
const afterLater = (history: History, grants: ReadonlyArray<Granted>): ReadonlyArray<string> =>
  acceptedOf(history).flatMap(({ at, epoch, run, what }) => {
    const later = grants.find((grant) => grant.run === run && epoch !== null && grant.epoch > epoch)
    return later === undefined || later.at >= at
      ? []
      : [
          `${what} for run ${run} (epoch ${epoch}) was accepted at ${instant(at)}, but epoch ${later.epoch} was given at ` +
            instant(later.at),
        ]
  })

/** Accepted after the end of its lease, as far as that had been granted before. The store's time is in whole milliseconds. */
const afterEnd = (history: History, grants: ReadonlyArray<Granted>): ReadonlyArray<string> => {
  const ends = new Map<string, Array<{ readonly from: number; readonly to: number }>>()
  const extend = ({ epoch, run }: LeaseKey, from: number, to: number): void => {
    const lease = `${run} ${epoch}`
    ends.set(lease, [...(ends.get(lease) ?? []), { from, to }])
  }
  for (const grant of grants) extend(grant, grant.at, grant.expiresAt)
  for (const { answer, at } of accepted(history, "Renew")) {
    for (const renewal of answer.renewals) extend(renewal, at, renewal.expiresAt ?? 0)
  }
  return acceptedOf(history).flatMap(({ at, epoch, run, what }) => {
    const before = (ends.get(`${run} ${epoch}`) ?? []).filter(({ from }) => from < at)
    const end = Math.max(...before.map(({ to }) => to))
    return before.length === 0 || Math.floor(at) < end
      ? []
      : [
          `${what} for run ${run} (epoch ${epoch}) was accepted at ${instant(at)}, but its lease had ended at ${instant(end)}`,
        ]
  })
}

/** Events of an epoch behind those of a later one. */
const mixed = ({ final }: History): ReadonlyArray<string> =>
  final.flatMap(({ log, run }) => {
    let latest = 0
    return tokensOf(log).flatMap(({ epoch, eventId }) => {
      if (epoch >= latest) {
        latest = epoch
        return []
      }
      return [`event ${eventId} of run ${run} is of epoch ${epoch}, behind one of epoch ${latest}`]
    })
  })

/** Two executors of one epoch. */
const doubled = ({ incidents }: History): ReadonlyArray<string> => {
  const begun = new Map<string, string>()
  return incidents.flatMap((incident) => {
    if (incident._tag !== "ExecutorBegan") return []
    const { at, epoch, process, run } = incident
    const before = begun.get(`${run} ${epoch}`)
    begun.set(`${run} ${epoch}`, process)
    return before === undefined
      ? []
      : [`${process} began run ${run} with epoch ${epoch} at ${instant(at)}, as ${before} had`]
  })
}

/** @category invariants */
export const fenced: Invariant = {
  name: "fenced",
  holds: "each claim raises the epoch, and a former holder changes nothing",
  broken: (history) => {
    if (named(history, "Claim").length === 0) return mixed(history)
    const grants = grantsOf(history)
    return [
      ...notRaised(grants),
      ...doubled(history),
      ...afterLater(history, grants),
      ...afterEnd(history, grants),
      ...mixed(history),
    ]
  },
}
