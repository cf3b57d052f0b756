/**
 * What is wrong with a field of a submission beside its others.
 *
 * @since 0.1.0
 */
import { Struct } from "effect"
import { isReservedRunId } from "../model/Ids.js"
import { trailingUserMessages } from "../model/RequestSnapshot.js"
import { limitsOf } from "../model/TimeLimits.js"
import type { Submission } from "./Submission.js"

/** What is wrong with the request of a submission that steers: it has a message for the run that works. */
const steered = ({ multitask, snapshot }: Submission): string | undefined =>
  multitask !== "steer" || trailingUserMessages(snapshot).length > 0
    ? undefined
    : "must end with a message of the user for the run that works"

/** What is wrong with a limit of time. */
const timed = (submission: Submission): string | undefined =>
  submission.initialStatus !== "running" || limitsOf(submission) === null
    ? undefined
    : "a run that its submitter executes has no lease, so it has no limits of time"

/** What is wrong with the public id of a submission: another may be derived that the server is yet to begin a run by. */
const publicId = ({ derived, publicId: id }: Submission): string | undefined =>
  id !== undefined && derived !== true && isReservedRunId(id)
    ? "must not begin with runlease. or schedule:, as the ids do that the server derives; choose another"
    : undefined

/** What is wrong with the answers of a submission: only a run that waits takes one, so its request brings none. */
const answers = ({ snapshot }: Submission): string | undefined =>
  (snapshot?.resume ?? []).length === 0
    ? undefined
    : "a submission brings no answers; give them to the run while it waits for them"

/** What is wrong with the limits with names of a submission. */
const limits = ({ concurrencyLimit, initialStatus, limits: named = {} }: Submission): string | undefined => {
  const count = Object.keys(named).length
  if (count > 0 && initialStatus === "running")
    return "a run that its submitter drives waits for no place; leave it out"
  return count > 1 && concurrencyLimit !== undefined
    ? "takes 1 limit at most beside a limit of the concurrency key"
    : undefined
}

/** What is wrong with the limit of the concurrency key of a submission. */
const concurrencyLimit = ({
  concurrencyKey,
  concurrencyLimit: most,
  initialStatus,
  multitask = "enqueue",
}: Submission): string | undefined => {
  if (most === undefined) return undefined
  if (concurrencyKey == null) return "needs a concurrency key: the limit is of the runs that share it"
  if (initialStatus === "running") return "a run that its submitter drives waits for no place; leave it out"
  return multitask === "enqueue"
    ? undefined
    : `multitask ${multitask} is about the runs of a lane, and a key with a limit is none; leave one of the two out`
}

/** What a debounced submission goes without: the run could not have it of each submission that it takes. */
const withoutDebounce = {
  availableAt: "a time",
  conversationId: "a conversation",
  parentRunId: "a parent",
  multitask: "a multitask",
} as const

/** What is wrong with the debounce of a submission. */
const debounce = (submission: Submission): string | undefined => {
  const { debounce: wait, initialStatus } = submission
  if (wait === undefined) return undefined
  const { maxSeconds, seconds } = wait
  if (maxSeconds !== undefined && maxSeconds < seconds)
    return `${maxSeconds} seconds in all are less than ${seconds}`
  if (initialStatus === "running") return "a run that its submitter executes takes no later submission"
  const beside = Struct.keys(withoutDebounce).find((field) => submission[field] !== undefined)
  return beside && `goes without ${withoutDebounce[beside]}, since the next submission may have another`
}

/** What is wrong with the fairness key of a submission. */
const fairnessKey = ({ fairnessKey: key, initialStatus }: Submission): string | undefined =>
  key !== undefined && initialStatus === "running"
    ? "a run that its submitter executes waits for no worker; leave it out"
    : undefined

/** What is wrong with the weight of the fairness key of a submission. */
const fairnessWeight = ({ fairnessKey: key, fairnessWeight: weight }: Submission): string | undefined =>
  key === undefined && weight !== undefined ? "needs a fairness key: the weight is that of a key" : undefined

type Rule = readonly [
  present: keyof Submission,
  field: string,
  problemOf: (submission: Submission) => string | undefined,
]

/** Each rule is of the submissions that have `present`, and is reported for `field`. */
const rules: ReadonlyArray<Rule> = [
  ["multitask", "snapshot", steered],
  ["ttlSeconds", "ttlSeconds", timed],
  ["timeoutSeconds", "timeoutSeconds", timed],
  ["publicId", "publicId", publicId],
  ["snapshot", "snapshot.resume", answers],
  ["concurrencyLimit", "concurrencyLimit", concurrencyLimit],
  ["limits", "limits", limits],
  ["debounce", "debounce", debounce],
  ["fairnessKey", "fairnessKey", fairnessKey],
  ["fairnessWeight", "fairnessWeight", fairnessWeight],
]

/** The first field with a problem, and the problem; undefined for none. */
export const find = (
  submission: Submission,
): { readonly field: string; readonly problem: string } | undefined => {
  for (const [present, field, problemOf] of rules) {
    const problem = submission[present] === undefined ? undefined : problemOf(submission)
    if (problem !== undefined) return { field, problem }
  }
  return undefined
}
