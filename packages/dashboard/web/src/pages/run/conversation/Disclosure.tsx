/** A line that opens to more. */
import { ChevronRight } from "lucide-react"
import { type ReactNode, useId, useState } from "react"
import { When } from "./ConversationRow"

export const Chevron = ({ isOpen }: { readonly isOpen: boolean }) => (
  <ChevronRight
    aria-hidden
    size={14}
    strokeWidth={2.2}
    className={`shrink-0 text-ink-3 transition-transform duration-[120ms] ${isOpen ? "rotate-90" : ""}`}
  />
)

export const Disclosure = ({
  aside,
  at,
  children,
  fork,
  icon,
  isInitiallyOpen = false,
  line,
}: {
  /** The sign; a chevron where there is none. */
  readonly icon?: ReactNode
  readonly line: ReactNode
  readonly aside?: ReactNode
  readonly at: number
  /** The button of a fork that begins here. */
  readonly fork?: ReactNode
  readonly isInitiallyOpen?: boolean
  readonly children: () => ReactNode
}) => {
  const [isOpen, setOpen] = useState(isInitiallyOpen)
  const id = useId()
  return (
    <div className="grid grid-cols-[20px_minmax(0,1fr)_auto] items-start gap-x-2.5 py-1.5 max-desk:py-0.5">
      <span className="mt-[3px] text-ink-3 max-desk:mt-3">{icon ?? <Chevron isOpen={isOpen} />}</span>
      <div className="min-w-0">
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={isOpen ? id : undefined}
          className="flex w-full min-w-0 items-baseline gap-2 rounded-1 text-left hover:text-ink max-desk:min-h-11 max-desk:flex-wrap max-desk:items-center max-desk:gap-y-0"
          onClick={() => setOpen(!isOpen)}
        >
          {line}
          {aside === undefined ? null : (
            <span className="ml-auto shrink-0 pl-2 text-small leading-5 whitespace-nowrap text-ink-2">
              {aside}
            </span>
          )}
        </button>
        {isOpen ? (
          <div id={id} className="min-w-0">
            {children()}
          </div>
        ) : null}
      </div>
      <span className="flex items-start gap-1">
        {fork}
        <When at={at} />
      </span>
    </div>
  )
}
