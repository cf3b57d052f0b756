/** How many slots of a worker are in use: a cell each, one bar where there are many. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../format/numbers"
import { heldBy, toldBy, type WorkerState } from "./workers"

const mostCells = 16

const hatched =
  "bg-[repeating-linear-gradient(135deg,var(--failed)_0_2px,transparent_2px_4px)] shadow-[inset_0_0_0_1px_var(--failed)]"

const fillOf = (state: WorkerState): string =>
  state === "silent" ? hatched : state === "working" || state === "idle" ? "bg-running" : "bg-claimed"

export const usedOfSlots = (summary: Json.WorkerSummary): string => {
  const { slots } = toldBy(summary)
  const used = integer(heldBy(summary))
  return slots === undefined ? used : `${used} of ${integer(slots)}`
}

export const WorkerSlots = ({
  state,
  summary,
}: {
  readonly summary: Json.WorkerSummary
  readonly state: WorkerState
}) => {
  const { slots } = toldBy(summary)
  const used = heldBy(summary)
  if (slots === undefined) return <span className="text-ink-3">–</span>
  const label = `${usedOfSlots(summary)} slots in use`
  if (slots > mostCells) {
    return (
      <span
        role="img"
        aria-label={label}
        className="inline-block h-3 w-[106px] overflow-hidden rounded-[1.5px] align-[-1px] shadow-[inset_0_0_0_1px_var(--edge)]"
      >
        <i
          className={`block h-full rounded-[1.5px] ${fillOf(state)}`}
          style={{ width: `${Math.min(100, (used / slots) * 100)}%` }}
        />
      </span>
    )
  }
  return (
    <span role="img" aria-label={label} className="inline-grid grid-flow-col gap-0.5 align-[-1px]">
      {Array.from({ length: Math.max(slots, Math.min(used, mostCells)) }, (_, slot) => (
        <i
          key={slot}
          className={`h-3 w-[7px] rounded-[1.5px] ${slot < used ? fillOf(state) : "shadow-[inset_0_0_0_1px_var(--edge)]"}`}
        />
      ))}
    </span>
  )
}
