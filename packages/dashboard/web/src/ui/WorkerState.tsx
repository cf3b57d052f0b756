/** The state of a worker: an icon and a word in ink, red where it is silent. */
import { CircleCheck, CircleDashed, DoorClosed, LogOut, Unplug, type LucideIcon } from "lucide-react"
import { StateWord } from "./StateWord"
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
  return <StateWord icon={Icon} word={word} isTrouble={state === "silent"} iconOnly={iconOnly} />
}
