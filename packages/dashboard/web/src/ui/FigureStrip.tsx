/** Figures in one row, three to a row on a phone. */
import type { ReactNode } from "react"

export const FigureStrip = ({
  children,
  label,
}: {
  readonly label: string
  readonly children: ReactNode
}) => (
  <section
    aria-label={label}
    className="grid grid-cols-6 overflow-hidden rounded-3 border border-line bg-surface max-desk:grid-cols-3"
  >
    {children}
  </section>
)

/** The classes of a cell: a link, or a plain box. */
export const figureCell =
  "block min-w-0 border-line px-4 pt-3 pb-[11px] not-first:border-l max-desk:px-3 max-desk:pt-2.5 max-desk:pb-2.5 max-desk:nth-[4]:border-l-0 max-desk:nth-[n+4]:border-t"

export const Figure = ({
  label,
  note,
  value,
}: {
  readonly label: ReactNode
  readonly value: ReactNode
  readonly note?: ReactNode
}) => (
  <>
    <span className="block truncate font-medium text-ink-2">{label}</span>
    <span className="flex items-baseline gap-2">
      <b className="text-figure font-medium tracking-[-0.02em]">{value}</b>
      <small className="min-w-0 truncate text-small text-ink-3 max-desk:hidden">{note}</small>
    </span>
  </>
)
