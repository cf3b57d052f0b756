/** Bulk operations of the page: for which runs each is, whether it is offered, and its words. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../../../format/numbers"
import { hasEnded } from "../bulk"
import { isNarrowed, queryOf, type RunFilter } from "../filter"

/** What a page may begin; a change of a rollout begins the others. */
export type Action = Json.NewBulk["action"]

/** The runs of the list, or those that are selected. */
export type Target =
  | { readonly filter: RunFilter }
  | { readonly runIds: ReadonlyArray<string>; readonly filter?: undefined }

/** A label that runs get; they lose it where its value is null. */
export interface LabelChange {
  readonly name: string
  readonly value: string | null
}

/** The most runs that an operation names one by one. */
export const mostSelected = 1000

type BulkFilter = NonNullable<Json.Bulk["filter"]>

/** `from` and `to` are instants by now: runs that come later are not among those that match. */
export const bulkFilterOf = (filter: RunFilter, now: number): BulkFilter => {
  const { label: _label, ...same } = queryOf(filter, now)
  return {
    ...(same as BulkFilter),
    ...(filter.labels.length === 0
      ? {}
      : {
          labels: Object.fromEntries(
            filter.labels.map((label) => {
              const colon = label.indexOf(":")
              return [label.slice(0, colon), label.slice(colon + 1)]
            }),
          ),
        }),
  }
}

/** The runs of an operation as the API takes them. */
export const runsOf = (target: Target, now: number): Partial<Pick<Json.NewBulk, "filter" | "run_ids">> =>
  target.filter === undefined ? { run_ids: target.runIds } : { filter: bulkFilterOf(target.filter, now) }

/** Whether something may be done to all runs that match at once: of some filter, and of runs in a state that allows it. */
export const isOffered = (action: Action, filter: RunFilter): boolean =>
  filter.status === undefined
    ? isNarrowed(filter)
    : action === "label" || hasEnded({ status: filter.status }) === (action === "retry")

interface Words {
  readonly verb: string
  readonly doing: string
  readonly done: string
  /** What is so of the runs that it changes, of one and of several. */
  readonly able?: readonly [one: string, several: string]
  /** What is so of the others, by their number. */
  readonly others: (count: number, change: LabelChange | undefined) => string
}

export const words: Readonly<Record<Json.Bulk["action"], Words>> = {
  cancel: {
    verb: "Cancel",
    doing: "Cancelling",
    done: "cancelled",
    able: ["has not ended", "have not ended"],
    others: () => "ended already",
  },
  retry: {
    verb: "Retry",
    doing: "Retrying",
    done: "submitted again",
    able: ["has ended", "have ended"],
    others: (count) => (count === 1 ? "has not ended" : "have not ended"),
  },
  label: {
    verb: "Label",
    doing: "Labelling",
    done: "labelled",
    others: (count, change) =>
      change?.value === null
        ? `${count === 1 ? "does" : "do"} not have the label`
        : `${count === 1 ? "has" : "have"} the label already`,
  },
  move: {
    verb: "Move",
    doing: "Moving",
    done: "moved",
    able: ["has the version", "have the version"],
    others: (count) => (count === 1 ? "has ended or another version" : "have ended or another version"),
  },
  trial: {
    verb: "Try",
    doing: "Submitting",
    done: "submitted for the trial",
    able: ["has ended", "have ended"],
    others: (count) => (count === 1 ? "has not ended" : "have not ended"),
  },
  route: { verb: "Route", doing: "Routing", done: "routed", others: () => "stay" },
}

const reasonsOf = ({ failures }: Pick<Json.Bulk, "failures">): string =>
  [...new Set(failures.map(({ message }) => message))].join("; ")

/** `2,906 cancelled, 12 ended already, 1 refused: …` */
export const resultWords = (
  { action, done, failed, failures, skipped, status }: Json.Bulk,
  change?: LabelChange,
): string =>
  [
    `${integer(done)} ${words[action].done}`,
    ...(skipped === 0 ? [] : [`${integer(skipped)} ${words[action].others(skipped, change)}`]),
    ...(failed === 0 ? [] : [`${integer(failed)} refused: ${reasonsOf({ failures })}`]),
    ...(status === "aborted" ? ["stopped before its end"] : []),
  ].join(", ")

/** What is so of those that an operation would change, after `They match …`: ` and have not ended; 12 more ended already.` */
export const countedWords = (
  { action, done, failed, failures, skipped }: Json.Bulk,
  change?: LabelChange,
): string => {
  const { able, others } = words[action]
  return [
    `${able === undefined ? "" : ` and ${able[done === 1 ? 0 : 1]}`}`,
    ...(skipped === 0 ? [] : [`; ${integer(skipped)} more ${others(skipped, change)}`]),
    ...(failed === 0 ? [] : [`; ${integer(failed)} more refuse it: ${reasonsOf({ failures })}`]),
    ".",
  ].join("")
}

const namePattern = /^[a-z0-9][a-z0-9_.-]{0,63}$/

/** What is wrong with the name of a label; undefined where it may be one. */
export const nameProblem = (name: string): string | undefined =>
  namePattern.test(name)
    ? undefined
    : "1 to 64 of the characters a-z, 0-9, _, . and -, the first a letter or a digit"
