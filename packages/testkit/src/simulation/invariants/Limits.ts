/**
 * No more runs of a limit work than it lets in, those that are alike start in their order, and its counts are right at the end.
 *
 * A limit that falls ends no run, so a claim is judged by the bound at its instant. A run counts from its claim to the first thing that may have
 * ended its lease, so it is never counted for too long.
 */
import { Array } from "effect"
import type { Call, Claim, Grant, History } from "../History.js"
import { isRefused, named } from "./Calls.js"
import { instant, type Invariant } from "./Violation.js"

/** A value that a limit has from some instant between `from` and `at` on, if the request was executed at all. */
interface Setting {
  readonly limit: string
  readonly value: number
  readonly from: number
  readonly at: number | undefined
}

const unbounded: Setting = { limit: "", value: Number.POSITIVE_INFINITY, from: -1, at: -1 }

/** A change of a limit with a name is one of all its keys. */
const concerns = (limit: string, { limit: changed }: Pick<Setting, "limit">): boolean =>
  limit === changed || limit.startsWith(`${changed} `)

/** A submission that is sent again sets nothing. */
const isRepeat = (answer: object | null): boolean =>
  answer !== null && "duplicate" in answer && answer.duplicate === true

/** The settings that a call makes: one for each time that it was executed. One that was interrupted may have been executed. */
const settingsOf = (call: Call, limit: string, value: number): ReadonlyArray<Setting> => {
  const setting = { limit, value, from: call.sentAt }
  if (call.executions.length === 0) return [{ ...setting, at: undefined }]
  return call.executions.flatMap(({ answer, at }) =>
    isRefused(answer) || isRepeat(answer) ? [] : [{ ...setting, at }],
  )
}

const boundsOf = (history: History): ReadonlyArray<Setting> => [
  ...named(history, "Submit").flatMap((call) =>
    Object.entries(call.request.under?.limits ?? {}).flatMap(([limit, maxRunning]) =>
      maxRunning === null ? [] : settingsOf(call, limit, maxRunning),
    ),
  ),
  ...named(history, "Limit").flatMap((call) => {
    const { limit, maxRunning } = call.request
    return maxRunning === undefined ? [] : settingsOf(call, limit, maxRunning)
  }),
]

const pausesOf = (history: History): ReadonlyArray<Setting> =>
  named(history, "Limit").flatMap((call) => {
    const { limit, paused } = call.request
    return paused === undefined ? [] : settingsOf(call, limit, paused ? 0 : Number.POSITIVE_INFINITY)
  })

/** The largest value that a limit may have had at some instant of these. */
const largest = (settings: ReadonlyArray<Setting>, limit: string, from: number, to: number): number => {
  const own = [unbounded, ...settings.filter((setting) => concerns(limit, setting))]
  const inForce = own.filter((setting) => {
    const { at } = setting
    const ends =
      at === undefined
        ? []
        : own.flatMap((later) =>
            later.at !== undefined && later.from >= at && later !== setting ? later.at : [],
          )
    return setting.from <= to && Math.min(...ends) >= from
  })
  return Math.max(...inForce.map(({ value }) => value))
}

/** A lease in the store: claimed between `earliest` and `from`, and not ended before `to`. */
interface Work {
  readonly run: string
  readonly epoch: number
  readonly earliest: number
  readonly from: number
  readonly to: number
}

const endsOf = (history: History): ((run: string, epoch: number, process: string) => number) => {
  const ends = new Map<string, number>()
  const end = (name: string, at: number): void => {
    ends.set(name, Math.min(at, ends.get(name) ?? at))
  }
  for (const call of [
    ...named(history, "Complete"),
    ...named(history, "Suspend"),
    ...named(history, "Release"),
  ]) {
    end(`${call.request.run} ${call.request.epoch}`, call.sentAt)
  }
  for (const { finishedAt, run } of history.final) if (finishedAt !== undefined) end(run, finishedAt)
  for (const incident of history.incidents) {
    if (incident._tag === "Ended") end(incident.process, incident.at)
  }
  return (run, epoch, process) =>
    Math.min(...[`${run} ${epoch}`, run, process].map((name) => ends.get(name) ?? Number.POSITIVE_INFINITY))
}

/** The leases that the store has granted, each as it was granted first. */
const worksOf = (history: History): ReadonlyArray<Work> => {
  const endOf = endsOf(history)
  const byClaim = Array.groupBy(named(history, "Claim"), ({ from, request }) => `${from} ${request.claimId}`)
  const granted = (calls: ReadonlyArray<Claim>): ReadonlyArray<readonly [Claim, Grant]> =>
    calls.flatMap((call) =>
      call.executions.flatMap(({ answer }) =>
        isRefused(answer) ? [] : answer.grants.map((grant) => [call, grant] as const),
      ),
    )
  const works = Object.values(byClaim).flatMap((calls) => {
    const [{ executions, received, request, sentAt }] = calls
    // A claim that is sent again may have been executed before, and its leases are extended then.
    const isOnce =
      request.claimId !== undefined &&
      calls.length === 1 &&
      executions.length === 1 &&
      received !== undefined &&
      !isRefused(received.answer)
    return granted(calls).map(([call, { epoch, expiresAt, run }]): Work => {
      const from = expiresAt - history.lease
      const to = Math.min(expiresAt, endOf(run, epoch, call.from))
      return { run, epoch, earliest: isOnce ? from : Math.min(sentAt, from), from, to }
    })
  })
  return Object.values(Array.groupBy(works, ({ epoch, run }) => `${run} ${epoch}`)).map((same) =>
    same.reduce((first, next) => (next.from < first.from ? next : first)),
  )
}

/** The limits of each run. */
const underOf = (history: History) =>
  new Map(
    named(history, "Submit").flatMap(({ request: { run, under } }) =>
      under === undefined ? [] : [[run, under] as const],
    ),
  )

const beyond = (history: History, works: ReadonlyArray<Work>): ReadonlyArray<string> => {
  const under = underOf(history)
  const bounds = boundsOf(history)
  const pauses = pausesOf(history)
  const limits = Array.dedupe(Array.fromIterable(under.values()).flatMap((each) => Object.keys(each.limits)))
  return limits.flatMap((limit) => {
    const own = works.filter(({ run }) => limit in (under.get(run)?.limits ?? {}))
    return own.flatMap(({ from: at, run }) => {
      // The store counts in whole milliseconds.
      const working = own.filter(({ from, to }) => from <= at && at + 1 <= to)
      const since = Math.max(...working.map(({ earliest }) => earliest))
      const most = Math.min(largest(bounds, limit, since, at + 1), largest(pauses, limit, since, at + 1))
      return working.length <= most
        ? []
        : [
            `run ${run} was claimed at ${instant(at)} as number ${working.length} of those that work under limit ${limit}, which lets ${most} in`,
          ]
    })
  })
}

/** A run that was accepted between `sentAt` and `knownAt`. */
const submittedOf = (history: History) =>
  Object.values(Array.groupBy(named(history, "Submit"), ({ request: { run } }) => run)).flatMap((calls) => {
    const { run, under } = calls[0].request
    const sentAt = Math.min(...calls.map((call) => call.sentAt))
    const accepted = calls.flatMap(({ executions }) =>
      executions.flatMap(({ answer, at }) => (isRefused(answer) ? [] : at)),
    )
    const isLimited = under !== undefined && Object.keys(under.limits).length > 1
    return isLimited ? [{ run, line: under.line, sentAt, knownAt: Math.min(...accepted) }] : []
  })

const overtaken = (history: History, works: ReadonlyArray<Work>): ReadonlyArray<string> => {
  const first = new Map(works.flatMap((work) => (work.epoch === 1 ? [[work.run, work] as const] : [])))
  return Object.values(Array.groupBy(submittedOf(history), ({ line }) => line)).flatMap((alike) =>
    alike.flatMap((older) =>
      alike.flatMap((younger) => {
        const [a, b] = [first.get(older.run), first.get(younger.run)]
        if (a === undefined || b === undefined || older.knownAt >= younger.sentAt) return []
        return b.from + 1 <= a.earliest
          ? [
              `run ${younger.run} was claimed at ${instant(b.from)}, before run ${older.run}, which was submitted earlier under the same limits`,
            ]
          : []
      }),
    ),
  )
}

const miscounted = (history: History): ReadonlyArray<string> => {
  const under = underOf(history)
  return (history.limits ?? []).flatMap(({ limit, ...counts }) => {
    const own = history.final.filter(({ run }) => limit in (under.get(run)?.limits ?? {}))
    const running = own.filter(({ status }) => status === "running").length
    const pending = own.filter(({ status }) => status === "pending").length
    return counts.running === running && counts.open + counts.waiting <= pending
      ? []
      : [
          `limit ${limit} counts ${counts.running} runs that work, ${counts.open} with a place and ${counts.waiting} behind it; ${running} work and ${pending} are pending`,
        ]
  })
}

export const limitsHold: Invariant = {
  name: "limits-hold",
  holds:
    "no more runs of a limit work than it lets in, those that are alike start in their order, and its counts are right",
  broken: (history) => {
    const works = worksOf(history)
    return [...beyond(history, works), ...overtaken(history, works), ...miscounted(history)]
  },
}
