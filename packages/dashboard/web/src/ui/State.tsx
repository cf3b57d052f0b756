/** The state of a run: always an icon and a word in its colour. */
import { Ban, CircleCheck, CircleDashed, CirclePause, LoaderCircle, type LucideProps } from "lucide-react"
import type { ComponentType } from "react"

export type RunStatus = "pending" | "running" | "waiting" | "completed" | "failed" | "cancelled"

/** A solid octagon: what failed is found by its shape too. */
const Octagon = ({ size = 14, ...props }: LucideProps) => (
  <svg width={size} height={size} viewBox="0 0 24 24" {...props}>
    <path d="M7.9 1.8h8.2l6.1 6.1v8.2l-6.1 6.1H7.9l-6.1-6.1V7.9z" fill="currentColor" />
    <path
      d="m15.4 8.6-6.8 6.8m0-6.8 6.8 6.8"
      fill="none"
      stroke="var(--surface)"
      strokeWidth="2.4"
      strokeLinecap="round"
    />
  </svg>
)

const states: Record<
  RunStatus,
  readonly [ComponentType<LucideProps>, word: string, colour: string, ground: string]
> = {
  pending: [CircleDashed, "Pending", "text-pending", "bg-pending-bg"],
  running: [LoaderCircle, "Running", "text-running", "bg-running-bg"],
  waiting: [CirclePause, "Waiting", "text-waiting", "bg-waiting-bg"],
  completed: [CircleCheck, "Completed", "text-completed", "bg-completed-bg"],
  failed: [Octagon, "Failed", "text-failed", "bg-failed-bg"],
  cancelled: [Ban, "Cancelled", "text-cancelled", "bg-cancelled-bg"],
}

export const allStatuses = Object.keys(states) as ReadonlyArray<RunStatus>

export const wordOf = (status: RunStatus): string => states[status][1]
export const colourOf = (status: RunStatus): string => states[status][2]

export const StateIcon = ({ size = 14, status }: { readonly status: RunStatus; readonly size?: number }) => {
  const [Icon, , colour] = states[status]
  return (
    <Icon
      aria-hidden
      size={size}
      strokeWidth={2.2}
      className={`${colour} shrink-0 ${status === "running" ? "motion-safe:animate-[spin_2.4s_linear_infinite]" : ""}`}
    />
  )
}

export const State = ({ status, word }: { readonly status: RunStatus; readonly word?: string }) => (
  <span className={`inline-flex items-center gap-1.5 font-medium whitespace-nowrap ${colourOf(status)}`}>
    <StateIcon status={status} />
    {word ?? wordOf(status)}
  </span>
)

export const StateChip = ({ status, word }: { readonly status: RunStatus; readonly word?: string }) => (
  <span
    className={`inline-flex h-[26px] items-center gap-1.5 rounded-full px-2.5 font-medium whitespace-nowrap ${states[status][2]} ${states[status][3]}`}
  >
    <StateIcon status={status} />
    {word ?? wordOf(status)}
  </span>
)
