/** A line of a conversation: a sign, what it is, and when. */
import type { ReactNode } from "react"
import { clock, exact } from "../../../format/times"

export const When = ({ at }: { readonly at: number }) => (
  <time
    dateTime={exact(at)}
    title={exact(at)}
    className="text-right text-small leading-5 whitespace-nowrap text-ink-3 max-desk:hidden"
  >
    {clock(at)}
  </time>
)

export const ConversationRow = ({
  at,
  children,
  fork,
  icon,
  isDim = false,
}: {
  readonly icon: ReactNode
  /** The button of a fork that begins here. */
  readonly fork?: ReactNode
  readonly at?: number | undefined
  readonly children: ReactNode
  readonly isDim?: boolean
}) => (
  <div
    className={`grid grid-cols-[20px_minmax(0,1fr)_auto] items-start gap-x-2.5 py-1.5 ${isDim ? "text-ink-3" : ""}`}
  >
    <span className="mt-[3px] text-ink-3">{icon}</span>
    <div className="min-w-0">{children}</div>
    <span className="flex items-start gap-1">
      {fork}
      {at === undefined ? null : <When at={at} />}
    </span>
  </div>
)
