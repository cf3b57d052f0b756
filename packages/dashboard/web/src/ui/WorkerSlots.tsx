/** How many slots of a worker are in use. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../format/numbers"
import { Slots } from "./Slots"
import { heldBy, toldBy, type WorkerState } from "./workers"

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
