/** The state of a worker: an icon and a word in ink, red where it is silent. */
import { CircleCheck, CircleDashed, DoorClosed, LogOut, Unplug, type LucideIcon } from "lucide-react"
import type { WorkerState as State } from "./workers"

const states: Record<State, readonly [LucideIcon, word: string]> = {
  working: [CircleCheck, "Working"],
  idle: [CircleDashed, "Idle"],
  draining: [LogOut, "Draining"],
  silent: [Unplug, "Silent"],
  gone: [DoorClosed, "Left"],
}

export const WorkerState = ({
  iconOnly = false,
  state,
}: {
  readonly state: State
  readonly iconOnly?: boolean
}) => {
  const [Icon, word] = states[state]
  return (
    <span
      className={`inline-flex items-center gap-1.5 align-middle font-medium whitespace-nowrap ${state === "silent" ? "text-failed" : "text-ink-2"}`}
    >
      <Icon aria-hidden size={14} strokeWidth={2.2} className="shrink-0" />
      <span className={iconOnly ? "sr-only" : ""}>{word}</span>
    </span>
  )
}
