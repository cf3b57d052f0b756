/** The classes of a plain table in a panel. */
import type { ReactNode } from "react"

export const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4 max-desk:h-11"

/** A link in a cell: as high as the row where it is tapped. */
export const cellLink = "max-desk:flex max-desk:h-11 max-desk:items-center"

/** A row of a table that says why it has no others. */
export const NoRows = ({ children, columns }: { readonly columns: number; readonly children: ReactNode }) => (
  <tr>
    <td colSpan={columns} className={`${cell} text-ink-3`}>
      {children}
    </td>
  </tr>
)
