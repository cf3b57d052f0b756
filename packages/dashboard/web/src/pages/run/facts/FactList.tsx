/** Names and values under each other. */
import type { ReactNode } from "react"

export const FactList = ({ children }: { readonly children: ReactNode }) => (
  <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5 px-4 pb-3 max-desk:px-3">
    {children}
  </dl>
)

export const Fact = ({ children, label }: { readonly label: string; readonly children: ReactNode }) => (
  <>
    <dt className="text-ink-3">{label}</dt>
    <dd className="min-w-0 text-right break-words">{children}</dd>
  </>
)

export const linkClass =
  "font-medium text-ink-2 underline decoration-line-2 underline-offset-3 hover:text-ink hover:decoration-current"
