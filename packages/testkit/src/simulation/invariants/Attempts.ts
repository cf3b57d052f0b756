/** The attempts of a run are in its log, and bounded. */
import type { Entry, Final, History } from "../History.js"
import { accepted, named } from "./Calls.js"
import { valueOf } from "./Tokens.js"
import type { Invariant } from "./Violation.js"

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

/**
 * Each claim after the first follows a mark of the attempt before, or a wait.
 *
 * @category invariants
 */
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

/**
 * A run has no more attempts in a row without an outcome or a new record than its submission allows.
 *
 * @category invariants
 */
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
