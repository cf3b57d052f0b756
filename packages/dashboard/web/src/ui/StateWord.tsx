/** A state in a table: an icon and a word in ink, red where something is wrong. */
import type { LucideIcon } from "lucide-react"

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
