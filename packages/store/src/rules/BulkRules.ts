/**
 * The rules of bulk operations: which can be made, and how each part of one moves it on.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 */
import {
  type BulkFailure,
  BulkFilter,
  type BulkOperation,
  maxRunIds,
  NewBulk,
} from "@runlease/core/BulkOperation"
import { InvalidBulk, type NewBulk as Input } from "@runlease/core/BulkOperations"
import { sha256 } from "@runlease/core/Digest"
import type * as Ids from "@runlease/core/Ids"
import * as OneOrMore from "@runlease/core/OneOrMore"
import { isTerminal } from "@runlease/core/Run"
import { maxEdits } from "@runlease/core/RunEdits"
import type { Limits } from "@runlease/core/TreeBudget"
import { Either, Option, ParseResult, Record, Schema } from "effect"
import type { RunState } from "./RunState.js"

/**
 * A bulk operation as it is stored, with instants in milliseconds. `runIds`: the named runs that are left. `from` and `to`: the keys of the runs
 * that a filter has left, from one on and below the other.
 */
export type BulkRecord = typeof BulkOperation.Encoded & {
  readonly runIds: ReadonlyArray<string> | null
  readonly from: number
  readonly to: number
}

/** The most failures that an operation remembers. */
const maxFailures = 10

export type Checked = typeof NewBulk.Type

const validate = Schema.validateEither(NewBulk)
const encodeFilter = Schema.encodeSync(BulkFilter)

const refuse = (field: string, message: string) => Either.left(new InvalidBulk({ field, message }))

/** Whether a filter leaves out no run. */
const isOpen = ({ labels = {}, metadata = {}, roots, ...rest }: BulkFilter): boolean =>
  roots !== true &&
  Object.keys(labels).length === 0 &&
  Object.keys(metadata).length === 0 &&
  Object.values(rest).every((value) => value === undefined)

const checkRuns = ({ all, filter, runIds }: Checked): Either.Either<void, InvalidBulk> => {
  if (runIds !== undefined) {
    if (filter !== undefined) return refuse("runIds", "must not be sent with a filter; send one of the two")
    if (all === true) return refuse("all", "must not be sent with run ids; send one of the two")
    return runIds.length === 0 || runIds.length > maxRunIds
      ? refuse("runIds", `must be 1 to ${maxRunIds} ids, and not ${runIds.length}; use a filter for more`)
      : Either.void
  }
  return isOpen(filter ?? {}) && all !== true
    ? refuse(
        "filter",
        "must name a status, an agent, a label or another condition; set all to true for every run of the project",
      )
    : Either.void
}

const checkLabels = ({ action, labels }: Checked): Either.Either<void, InvalidBulk> => {
  if (action !== "label") {
    return labels === undefined
      ? Either.void
      : refuse("labels", `must be absent, as ${action} changes no labels`)
  }
  return labels === undefined || Object.keys(labels).length === 0
    ? refuse("labels", `must name the labels to set, such as {"team": "a"}; null removes one`)
    : Either.void
}

const checkStart = ({ action, fromStart }: Checked): Either.Either<void, InvalidBulk> =>
  fromStart === true && action !== "retry"
    ? refuse("fromStart", `must be absent, as ${action} submits no run again`)
    : Either.void

const checkMove = ({ action, move }: Checked): Either.Either<void, InvalidBulk> => {
  if (action !== "move") {
    return move === undefined ? Either.void : refuse("move", `must be absent, as ${action} moves no run`)
  }
  if (move === undefined) return refuse("move", "must name the versions, from and to")
  return move.from === move.to ? refuse("move.to", "must be another version than from") : Either.void
}

/** What a run of a trial of that number of runs may spend. */
export const shareOf = (budget: Limits, runs: number): Limits =>
  Record.filterMap(budget as { readonly [name: string]: number | undefined }, (limit) =>
    limit === undefined ? Option.none() : Option.some(Math.floor(limit / runs)),
  )

const checkTrial = ({ action, runIds, trial }: Checked): Either.Either<void, InvalidBulk> => {
  if (action !== "trial") {
    return trial === undefined ? Either.void : refuse("trial", `must be absent, as ${action} makes no trial`)
  }
  if (trial === undefined) return refuse("trial", "must say what the trial is")
  if (runIds === undefined)
    return refuse("runIds", `must be 1 to ${maxRunIds} ids, as a trial names its runs`)
  const shares = Object.entries(
    shareOf(trial.budget, new Set(runIds).size) as { readonly [name: string]: number },
  )
  if (shares.length === 0)
    return refuse("trial.budget", "must have a limit, such as tokens: a trial has a budget")
  const small = shares.find(([, share]) => share < 1)
  if (small !== undefined)
    return refuse(`trial.budget.${small[0]}`, "must be 1 at least for each run, as all share it")
  const { edits = [] } = trial
  if (edits.length > maxEdits)
    return refuse("trial.edits", `must be at most ${maxEdits}, and not ${edits.length}`)
  return edits.some(({ type }) => type === "answer")
    ? refuse("trial.edits", "must edit no answer, as a trial answers no question of a person")
    : Either.void
}

/** The operation, when it can be made. */
export const check = (input: Input): Either.Either<Checked, InvalidBulk> =>
  Either.mapLeft(validate(input), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = issue?.path.map(String).join(".") ?? ""
    return new InvalidBulk({ field, message: issue?.message.split("\n")[0] ?? "is malformed" })
  }).pipe(
    Either.flatMap((checked) =>
      Either.map(
        Either.all([
          checkRuns(checked),
          checkLabels(checked),
          checkStart(checked),
          checkMove(checked),
          checkTrial(checked),
        ]),
        () => checked,
      ),
    ),
  )

/** What an operation begins with: its project and id, and the keys of the runs of its filter. */
export interface Beginning extends Pick<BulkRecord, "from" | "to"> {
  readonly projectId: Ids.ProjectId
  readonly id: string
}

/** Whether an operation goes from the oldest run on: where it changes the order in which runs go. */
export const isOldestFirst = ({ action }: Pick<BulkRecord, "action">): boolean =>
  action === "retry" || action === "route"

/** Where the operation continues, as its readers see it. */
const cursorOf = (record: BulkRecord): string => {
  const { from, runIds, searched, to } = record
  return String(runIds !== null ? searched : isOldestFirst(record) ? from : to)
}

const withCursor = (record: BulkRecord): BulkRecord => ({
  ...record,
  cursor: record.status === "running" ? cursorOf(record) : null,
})

/** A new operation. */
export const begin = (
  {
    action,
    createdBy,
    dryRun,
    filter,
    fromStart,
    labels,
    move,
    reason,
    runIds,
    trial,
  }: Omit<Checked, "action"> & Pick<BulkOperation, "action">,
  { from, id, projectId, to }: Beginning,
  now: number,
): BulkRecord => {
  const named = runIds === undefined ? null : Array.from(new Set(runIds))
  return withCursor({
    id,
    projectId,
    action,
    status: "running",
    filter: named === null ? encodeFilter(filter ?? {}) : null,
    named: named?.length ?? null,
    labels: labels ?? null,
    ...(move === undefined ? {} : { move }),
    ...(trial === undefined ? {} : { trial }),
    fromStart: fromStart ?? false,
    reason: reason ?? null,
    dryRun: dryRun ?? false,
    searched: 0,
    matched: 0,
    done: 0,
    skipped: 0,
    failed: 0,
    failures: [],
    cursor: null,
    createdBy: createdBy ?? null,
    createdAt: now,
    updatedAt: now,
    finishedAt: null,
    runIds: named,
    from,
    to,
  })
}

/** What became of one run that the operation is for. */
export type Verdict = "done" | "skipped" | typeof BulkFailure.Encoded

/** What a part of an operation has done, and the runs that are left. `ended`: none are. */
export interface Part extends Pick<BulkRecord, "from" | "to" | "runIds"> {
  readonly searched: number
  readonly verdicts: ReadonlyArray<Verdict>
  readonly ended: boolean
}

/** An operation after a part of it. */
export const advance = (
  record: BulkRecord,
  { ended, from, runIds, searched, to, verdicts }: Part,
  now: number,
): BulkRecord => {
  const failures = verdicts.filter((verdict) => typeof verdict !== "string")
  const count = (name: string): number => verdicts.filter((verdict) => verdict === name).length
  return withCursor({
    ...record,
    from,
    to,
    runIds,
    status: ended ? "completed" : "running",
    searched: record.searched + searched,
    matched: record.matched + verdicts.length,
    done: record.done + count("done"),
    skipped: record.skipped + count("skipped"),
    failed: record.failed + failures.length,
    failures: [...record.failures, ...failures].slice(0, maxFailures),
    updatedAt: now,
    finishedAt: ended ? now : null,
  })
}

/** An operation that is stopped. */
export const abort = (record: BulkRecord, now: number): BulkRecord =>
  record.status === "running"
    ? withCursor({ ...record, status: "aborted", updatedAt: now, finishedAt: now })
    : record

/** Whether a run still is as the filter that has found it says. The rest of a filter is about what does not change. */
export const stillMatches = (
  filter: BulkRecord["filter"],
  { attempt, error, status }: Pick<RunState, "attempt" | "error" | "status">,
): boolean =>
  filter === null ||
  (OneOrMore.isOneOf<string>(filter.status, status) &&
    (filter.attempt === undefined || attempt >= filter.attempt) &&
    OneOrMore.isOneOf(filter.errorCode, error?.code))

/** The most characters of a public id. */
const maxId = 128

/** The public id of the run that repeats another one for an operation: the same one each time. */
export const retryId = ({ id }: Pick<BulkRecord, "id">, runId: string): string => {
  const name = `${id}:${runId}`
  return name.length <= maxId ? name : `${id}:${sha256(runId).slice(0, 32)}`
}

/** Whether the action leaves a run as it is, since it has ended or has not. */
export const isSkipped = (
  { action }: Pick<BulkRecord, "action">,
  { status }: Pick<RunState, "status">,
): boolean => {
  if (action === "cancel") return isTerminal(status)
  return action === "retry" || action === "trial" ? !isTerminal(status) : false
}
