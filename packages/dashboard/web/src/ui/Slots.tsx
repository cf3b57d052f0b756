/** How many of some places are in use: a cell each, one bar where there are many. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../format/numbers"
import { heldBy, toldBy, type WorkerState } from "./workers"

const mostCells = 16

const empty = "shadow-[inset_0_0_0_1px_var(--edge)]"

const reserved = "bg-running-bg shadow-[inset_0_0_0_1px_var(--running)]"

export const Slots = ({
  fill,
  label,
  open = 0,
  slots,
  used,
}: {
  readonly slots: number
  readonly used: number
  /** How many more are reserved, and not in use yet. */
  readonly open?: number
  /** The class of a place that is in use. */
  readonly fill: string
  readonly label: string
}) => {
  if (slots > mostCells) {
    return (
      <span
        role="img"
        aria-label={label}
        className={`inline-block h-3 w-[106px] overflow-hidden rounded-[1.5px] align-[-1px] ${empty}`}
      >
        <i
          className={`block h-full rounded-[1.5px] ${fill}`}
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
          className={`h-3 w-[7px] rounded-[1.5px] ${slot < used ? fill : slot < used + open ? reserved : empty}`}
        />
      ))}
    </span>
  )
}

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
  return (
    <Slots slots={slots} used={used} fill={fillOf(state)} label={`${usedOfSlots(summary)} slots in use`} />
  )
}
