/** The classes of the head of a plain table in a panel. */
export const headCell =
  "h-8 px-2 text-left text-small font-medium whitespace-nowrap text-ink-3 first:pl-4 last:pr-4"

/** Of a column of numbers or buttons. */
export const rightHeadCell = `${headCell} text-right!`
