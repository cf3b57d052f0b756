/** A bordered part of a page with a heading. */
import { useId, type ReactNode } from "react"

export const Panel = ({
  aside,
  children,
  className = "",
  note,
  title,
}: {
  readonly title: ReactNode
  readonly note?: ReactNode
  readonly aside?: ReactNode
  readonly children: ReactNode
  readonly className?: string
}) => {
  const id = useId()
  return (
    <section aria-labelledby={id} className={`min-w-0 rounded-3 border border-line bg-surface ${className}`}>
      <header className="flex min-h-10 items-center gap-2 pr-2 pl-4 max-desk:py-1 max-desk:pl-3">
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        {note === undefined ? null : <span className="text-ink-3">{note}</span>}
        {aside === undefined ? null : <div className="ml-auto flex items-center gap-2">{aside}</div>}
      </header>
      {children}
    </section>
  )
}
