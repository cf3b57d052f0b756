/**
 * Formats bulk operations, as lines for people and as JSON for machines.
 */
import { type BulkOperation } from "@runlease/core"
import * as BulkWire from "@runlease/http/BulkWire"
import { Schema } from "effect"
import * as Output from "./Output.js"
import * as Phrases from "./Phrases.js"
import * as Terminal from "./Terminal.js"

/** The operation as the API shows it. */
export const toJson = Schema.encodeSync(BulkWire.Bulk)

type Bulk = BulkOperation.BulkOperation

const colours: Readonly<Record<BulkOperation.BulkStatus, Parameters<Output.Paint>[0]>> = {
  running: "yellow",
  completed: "green",
  aborted: "red",
}

const verbs: Readonly<Record<BulkOperation.BulkAction, readonly [done: string, skipped: string]>> = {
  cancel: ["cancelled", "had ended"],
  retry: ["submitted again", "had not ended"],
  label: ["labelled", "had the labels"],
  trial: ["submitted for the trial", "had not ended"],
  move: ["moved", "had ended or another version"],
  route: ["sent to another version", "go there already"],
}

/** What an operation has done so far, as a part of a sentence. */
export const countsOf = ({ action, done, dryRun, failed, skipped }: Bulk): string => {
  const [verb, why] = verbs[action]
  return [
    `${Phrases.count(done, "run")} ${dryRun ? "would be " : ""}${verb}`,
    ...(skipped === 0 ? [] : [`${skipped} ${why}`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
  ].join(", ")
}

const filterOf = ({ filter, named }: Bulk): string => {
  if (filter === null) return Phrases.count(named ?? 0, "named run")
  const { from, labels, metadata, to, ...rest } = filter
  const times = {
    ...(from === undefined ? {} : { from: Phrases.date(from) }),
    ...(to === undefined ? {} : { to: Phrases.date(to) }),
  }
  const conditions = [
    ...Object.entries({ ...rest, ...times }).map(([name, value]) => `${name}=${String(value)}`),
    ...Object.entries(metadata ?? {}).map(([path, value]) => `metadata.${path}=${String(value)}`),
    ...Object.entries(labels ?? {}).map(([name, value]) => `label ${name}=${value}`),
  ]
  return conditions.length === 0 ? "all runs" : conditions.join(", ")
}

/** The headings of `toRow`. */
export const headings = ["OPERATION", "ACTION", "RUNS", "DONE", "SKIPPED", "FAILED", "BEGAN (UTC)", "STATUS"]

/** The operation as a row below `headings`. */
export const toRow = (bulk: Bulk, paint: Output.Paint): ReadonlyArray<string> => [
  bulk.id,
  bulk.dryRun ? `${bulk.action} (dry run)` : bulk.action,
  filterOf(bulk),
  String(bulk.done),
  String(bulk.skipped),
  String(bulk.failed),
  Phrases.date(bulk.createdAt),
  paint(colours[bulk.status], bulk.status),
]

/** The operation as lines, with the first runs that refused it. */
export const toText = (bulk: Bulk): string => {
  const fields = {
    operation: bulk.id,
    action: `${bulk.action}${bulk.fromStart ? " from the start" : ""}${bulk.dryRun ? ", as a dry run" : ""}`,
    runs: filterOf(bulk),
    labels: bulk.labels === null ? null : JSON.stringify(bulk.labels),
    trial: bulk.trial?.name ?? null,
    reason: bulk.reason,
    status: bulk.status,
    result: countsOf(bulk),
    searched: String(bulk.searched),
    began: `${Phrases.date(bulk.createdAt)} UTC`,
    ended: bulk.finishedAt === null ? null : `${Phrases.date(bulk.finishedAt)} UTC`,
  }
  return [...Output.fields(fields), ...failuresOf(bulk)].join("\n")
}

/** The first runs that refused an operation, a line for each. */
export const failuresOf = ({ failed, failures }: Bulk): ReadonlyArray<string> => [
  ...failures.map(({ message, runId }) => Terminal.onOneLine(`failed          ${runId}: ${message}`)),
  ...(failed > failures.length ? [`                and ${failed - failures.length} more`] : []),
]
