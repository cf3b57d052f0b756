/** Who works on a run: one executor under one lease, by rising epochs, in the order of its lane, with each attempt in the log. */
import { Array } from "effect"
import type { Entry, Final, Grant, History, LeaseKey } from "../History.js"
import { accepted, isRefused, named, tokensOf, valueOf } from "./Calls.js"
import { type Execution, overlap } from "./ExecutorSpans.js"
import { instant, type Invariant } from "./Violation.js"

const overlaps = (executions: ReadonlyArray<Execution>): ReadonlyArray<string> => {
  const byRun = Object.values(Array.groupBy(executions, ({ run }) => run))
  return byRun.flatMap((ofRun) =>
    ofRun.flatMap((first, index) =>
      ofRun.slice(index + 1).flatMap((second) =>
        first.spans.flatMap((a) =>
          second.spans.flatMap((b) => {
            // A process that was suspended with its clock learns from the store only that it has lost its lease.
            if (overlap(a, b) <= 0 || a.isUnaware || b.isUnaware) return []
            return [
              `run ${a.run} was executed by ${a.process} (epoch ${a.epoch}) and by ${b.process} (epoch ${b.epoch}) at ` +
                `once, from ${instant(Math.max(a.from, b.from))} to ${instant(Math.min(a.to, b.to))}`,
            ]
          }),
        ),
      ),
    ),
  )
}

/** The end of each lease, by run and epoch: what the store has granted, whether or not an answer arrived. */
const leaseEnds = (history: History): ReadonlyMap<string, number> => {
  const ends = new Map<string, number>()
  const extend = (run: string, epoch: number | null, to: number): void => {
    const lease = `${run} ${epoch}`
    ends.set(lease, Math.max(to, ends.get(lease) ?? 0))
  }
  for (const { answer } of accepted(history, "Claim")) {
    for (const { epoch, expiresAt, run } of answer.grants) extend(run, epoch, expiresAt)
  }
  for (const { answer } of accepted(history, "Renew")) {
    for (const { epoch, expiresAt, run } of answer.renewals) extend(run, epoch, expiresAt ?? 0)
  }
  return ends
}

const outlived = (history: History, executions: ReadonlyArray<Execution>): ReadonlyArray<string> => {
  // A history without claims does not say when leases end.
  if (named(history, "Claim").length === 0) return []
  const ends = leaseEnds(history)
  return executions.flatMap(({ epoch, run, spans }) => {
    const end = ends.get(`${run} ${epoch}`) ?? 0
    const late = spans.find(({ from, isUnaware, to }) => to > end && from < to && !isUnaware)
    return late === undefined
      ? []
      : [
          `${late.process} executed run ${run} (epoch ${epoch}) until ${instant(late.to)}; its lease ended at ${instant(end)}`,
        ]
  })
}

export const oneHolder: Invariant = {
  name: "one-holder",
  holds: "at no time do two workers hold one run, and a holder stops before its lease ends",
  broken: (history, executions) => [...overlaps(executions), ...outlived(history, executions)],
}

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

/** A run in its lane, from its first executor to its end. It was accepted between `sentAt` and `knownAt`. */
interface Lifetime {
  readonly run: string
  readonly sentAt: number
  readonly knownAt: number
  readonly begunAt: number
  readonly endedAt: number
}

const lifetimesOf = (
  history: History,
  executions: ReadonlyArray<Execution>,
): ReadonlyArray<ReadonlyArray<Lifetime>> => {
  const begun = new Map<string, number>()
  for (const { from, run } of executions.toReversed()) begun.set(run, from)
  const finals = new Map(history.final.map((final) => [final.run, final]))
  const submitted = named(history, "Submit").flatMap((submit) => {
    const { conversation, run } = submit.request
    return conversation === undefined || !finals.has(run) ? [] : [{ conversation, run, submit }]
  })
  const byLane = Array.groupBy(submitted, ({ conversation }) => conversation)
  return Object.values(byLane).map((ofLane) =>
    Object.entries(Array.groupBy(ofLane, ({ run }) => run)).map(([run, requests]): Lifetime => {
      const final: Final = finals.get(run)!
      return {
        run,
        sentAt: Math.min(...requests.map(({ submit }) => submit.sentAt)),
        knownAt: Math.min(
          ...requests.map(({ submit: { received } }) =>
            received === undefined || isRefused(received.answer) ? Number.POSITIVE_INFINITY : received.at,
          ),
        ),
        begunAt: begun.get(run) ?? Number.POSITIVE_INFINITY,
        endedAt: final.finishedAt ?? Number.POSITIVE_INFINITY,
      }
    }),
  )
}

const overlapInLane = (a: Lifetime, b: Lifetime): ReadonlyArray<string> => {
  const begun = Math.max(a.begunAt, b.begunAt)
  return Number.isFinite(begun) && begun < Math.min(a.endedAt, b.endedAt)
    ? [
        `runs ${a.run} and ${b.run} of one conversation overlap: they were begun at ${instant(a.begunAt)} and ` +
          `${instant(b.begunAt)}, and ended at ${instant(a.endedAt)} and ${instant(b.endedAt)}`,
      ]
    : []
}

const overtaken = (first: Lifetime, later: Lifetime): ReadonlyArray<string> =>
  first.knownAt < later.sentAt && later.begunAt < first.endedAt
    ? [
        `run ${later.run} was begun at ${instant(later.begunAt)}, before run ${first.run} had ended, which was submitted earlier`,
      ]
    : []

export const lanesKeepOrder: Invariant = {
  name: "lanes-keep-order",
  holds: "runs of one conversation do not overlap, and go in the order in which they were submitted",
  broken: (history, executions) =>
    lifetimesOf(history, executions).flatMap((lane) =>
      lane.flatMap((a, index) =>
        lane
          .slice(index + 1)
          .flatMap((b) => [...overlapInLane(a, b), ...overtaken(a, b), ...overtaken(b, a)]),
      ),
    ),
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** How the attempt before a mark ended, and whether another one follows; undefined for what is no mark. */
const markOf = ({ event }: Entry): { readonly ended: string; readonly isFollowed: boolean } | undefined => {
  const value = valueOf(event, "runlease.attempt")
  if (value === undefined) return undefined
  const { previous } = value
  return {
    ended: isRecord(previous) ? String(previous["ended"]) : "unknown",
    isFollowed: value["attempt"] !== undefined,
  }
}

/** Whether the run has begun to wait with this event. */
const isWait = ({ event, sequence }: Entry): boolean =>
  sequence === null &&
  (valueOf(event, "runlease.waiting") !== undefined ||
    (event.type === "RUN_FINISHED" && isRecord(event["outcome"]) && event["outcome"]["type"] === "interrupt"))

/** Records that bring a run forward. */
const progress = ["runlease.step", "runlease.sleep", "runlease.child", "runlease.inbox"]

const isProgress = ({ event }: Entry): boolean =>
  progress.some((name) => {
    const value = valueOf(event, name)
    return value !== undefined && typeof value["step_id"] === "string" && value["part"] === value["parts"]
  })

/** The epochs under which a run was claimed or executed. */
const epochsOf = (history: History): ReadonlyMap<string, number> => {
  const epochs = new Map<string, number>()
  const record = (run: string, epoch: number): void => {
    epochs.set(run, Math.max(epoch, epochs.get(run) ?? 0))
  }
  for (const { answer } of accepted(history, "Claim"))
    for (const { epoch, run } of answer.grants) record(run, epoch)
  for (const incident of history.incidents) {
    if (incident._tag === "ExecutorBegan") record(incident.run, incident.epoch)
  }
  return epochs
}

/** Each claim after the first follows a mark of the attempt before, or a wait. */
export const attemptsAreMarked: Invariant = {
  name: "attempts-are-marked",
  holds: "the log of a run has a mark of each attempt that gave no outcome",
  broken: (history) => {
    const epochs = epochsOf(history)
    return history.final.flatMap(({ log, run }) => {
      const explained = log.filter((entry) => markOf(entry)?.isFollowed === true || isWait(entry)).length + 1
      const epoch = epochs.get(run) ?? 0
      return epoch <= explained
        ? []
        : [`run ${run} was claimed ${epoch} times, and its log tells of ${explained}`]
    })
  },
}

/** How many attempts each run may have in a row, by its submission. */
const mostAttempts = (history: History): ReadonlyMap<string, number> =>
  new Map([
    ...named(history, "Submit").map(({ request }) => [request.run, request.maxAttempts] as const),
    ...accepted(history, "Spawn").map(
      ({ answer, call }) => [answer.child, call.request.maxAttempts] as const,
    ),
  ])

/** Attempts in a row that gave nothing, at each mark that another attempt follows. */
const inRow = ({ log }: Final): ReadonlyArray<number> => {
  let count = 0
  let isForward = false
  return log.flatMap((entry) => {
    if (isProgress(entry)) isForward = true
    if (isWait(entry)) {
      count = 0
      isForward = false
      return []
    }
    const mark = markOf(entry)
    if (mark === undefined) return []
    if (mark.ended === "released") count = isForward ? 0 : count
    else count = isForward ? 1 : count + 1
    isForward = false
    return mark.isFollowed ? [count] : []
  })
}

/** A run has no more attempts in a row without an outcome or a new record than its submission allows. */
export const poisonStops: Invariant = {
  name: "poison-stops",
  holds: "a run whose attempts give nothing fails after as many as its request allows",
  broken: (history) => {
    const most = mostAttempts(history)
    return history.final.flatMap((final) => {
      const allowed = most.get(final.run) ?? Number.POSITIVE_INFINITY
      const worst = Math.max(0, ...inRow(final))
      return worst < allowed
        ? []
        : [
            `run ${final.run} was claimed again after ${worst} attempts that gave nothing; it may have ${allowed}`,
          ]
    })
  },
}
