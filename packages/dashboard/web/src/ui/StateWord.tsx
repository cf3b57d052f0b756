/** A state in a table: an icon and a word in ink, red where something is wrong. */
import { CircleCheck, CircleDashed, DoorClosed, LogOut, type LucideIcon, Unplug } from "lucide-react"
import type { WorkerState as State } from "./workers"

export const StateWord = ({
  icon: Icon,
  iconOnly = false,
  isTrouble = false,
  title,
  word,
}: {
  readonly icon: LucideIcon
  readonly word: string
  readonly isTrouble?: boolean
  readonly iconOnly?: boolean
  readonly title?: string | undefined
}) => (
  <span
    title={title}
    className={`inline-flex items-center gap-1.5 align-middle font-medium whitespace-nowrap ${isTrouble ? "text-failed" : "text-ink-2"}`}
  >
    <Icon aria-hidden size={14} strokeWidth={2.2} className="shrink-0" />
    <span className={iconOnly ? "sr-only" : ""}>{word}</span>
  </span>
)

const states: Record<State, readonly [LucideIcon, word: string]> = {
  working: [CircleCheck, "Working"],
  idle: [CircleDashed, "Idle"],
  draining: [LogOut, "Draining"],
  silent: [Unplug, "Silent"],
  gone: [DoorClosed, "Left"],
}

/** The state of a worker: an icon and a word in ink, red where it is silent. */
export const WorkerState = ({
  iconOnly = false,
  state,
}: {
  readonly state: State
  readonly iconOnly?: boolean
}) => {
  const [Icon, word] = states[state]
  return <StateWord icon={Icon} word={word} isTrouble={state === "silent"} iconOnly={iconOnly} />
}
