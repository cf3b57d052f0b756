/** The end of a conversation that continues later: what the run waits for. */
import type * as Json from "@runlease/http/Json"
import { when } from "../../../format/times"
import { endedChildren, type RunLog } from "../model/runLog"
import { listed, reasonsOf } from "../model/waits"

const textOf = (
  summary: Json.RunSummary,
  log: RunLog,
  place: string | undefined,
  now: number,
): readonly [lead: string, text: string] | undefined => {
  const since = when(Date.parse(summary.claims.at(-1)?.ended_at ?? summary.created_at), now)
  if (summary.status === "waiting") {
    const reasons = reasonsOf(summary.waiting, endedChildren(log), now).map((reason) =>
      reason === "you" ? "your answer" : reason,
    )
    const isSleep = summary.waiting?.wakes_at != null && reasons.length === 1
    const what = isSleep ? `until ${reasons[0]}` : `for ${listed(reasons)}`
    return [`${isSleep ? "Sleeping" : "Waiting"} since ${since}`, `${what}. No worker is held.`]
  }
  if (summary.status !== "pending") return undefined
  const later = Date.parse(summary.available_at)
  return later > now
    ? [`Held back until ${when(later, now)}`, "as it was submitted. Then a worker may claim it."]
    : [`Pending since ${since}`, place === undefined ? "" : `and ${place}.`]
}

export const WaitLine = ({
  log,
  now,
  place,
  summary,
}: {
  readonly summary: Json.RunSummary
  readonly log: RunLog
  /** What keeps a pending run from starting; undefined where it is not looked at. */
  readonly place: string | undefined
  readonly now: number
}) => {
  const text = textOf(summary, log, place, now)
  return text === undefined ? null : (
    <div className="flex items-center gap-2.5 pt-2 pb-3 text-small text-ink-3 after:h-px after:grow after:bg-line">
      <span>
        <b className="font-medium text-ink-2">{text[0]}</b> {text[1]}
      </span>
    </div>
  )
}
