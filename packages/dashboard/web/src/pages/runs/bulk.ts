/** The same done to many runs, a few at a time, until all are done or somebody stops it. */
import type * as Json from "@runlease/http/Json"
import type { RunStatus } from "../../ui/State"

export type BulkKind = "cancel" | "retry" | "fork"

const ended: ReadonlySet<RunStatus> = new Set(["completed", "failed", "cancelled"])

export const hasEnded = ({ status }: Pick<Json.RunSummary, "status">): boolean => ended.has(status)

/** Which runs this can be done to. A fork needs an event to go on from. */
export const canBe = (kind: BulkKind, run: Pick<Json.RunSummary, "status" | "latest_event_id">): boolean =>
  kind === "cancel" ? !hasEnded(run) : kind === "retry" ? hasEnded(run) : run.latest_event_id > 0

/** What became of one run: done, nothing to do any more, or refused. `run`: the run that came of it. */
export type BulkOutcome =
  | { readonly type: "done"; readonly run: Json.CanonicalRun }
  | { readonly type: "late" }
  | { readonly type: "refused"; readonly message: string }

export interface BulkProgress {
  readonly kind: BulkKind
  readonly total: number
  readonly outcomes: ReadonlyArray<BulkOutcome>
  readonly state: "working" | "stopping" | "ended"
}

/** How many requests are under way at once. */
const atOnce = 4

/** Does it to each item in turn. After `signal` aborts nothing more is begun, and what is under way is waited for. */
export const forEachFew = async <A>(
  items: ReadonlyArray<A>,
  act: (item: A) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const rest = items.values()
  const work = async (): Promise<void> => {
    for (const item of rest) {
      if (signal.aborted) return
      await act(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work))
}

const pastWords: Readonly<Record<BulkKind, string>> = {
  cancel: "cancelled",
  retry: "submitted again",
  fork: "forked",
}

/** `38 cancelled, 2 had ended already, 1 refused: Run x does not exist` */
export const resultWords = ({ kind, outcomes, total }: BulkProgress): string => {
  const done = outcomes.filter(({ type }) => type === "done").length
  const late = outcomes.filter(({ type }) => type === "late").length
  const refused = outcomes.flatMap((outcome) => (outcome.type === "refused" ? [outcome.message] : []))
  const left = total - outcomes.length
  return [
    `${done} ${pastWords[kind]}`,
    ...(late === 0 ? [] : [`${late} had ended already`]),
    ...(refused.length === 0 ? [] : [`${refused.length} refused: ${[...new Set(refused)].join("; ")}`]),
    ...(left === 0 ? [] : [`${left} not begun`]),
  ].join(", ")
}

/** `both failed`, `all failed`, `3 failed, 1 running` */
export const selectionWords = (runs: ReadonlyArray<Pick<Json.RunSummary, "status">>): string => {
  const counts = new Map<RunStatus, number>()
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1)
  const [first] = counts
  if (first === undefined) return ""
  if (counts.size === 1) {
    return runs.length === 1 ? first[0] : `${runs.length === 2 ? "both" : "all"} ${first[0]}`
  }
  return [...counts].map(([status, count]) => `${count} ${status}`).join(", ")
}
