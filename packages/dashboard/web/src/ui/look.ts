/** Classes that several parts share: the head of a table, a menu, and what floats over the page. */

/** The classes of the head of a plain table in a panel. */
export const headCell =
  "h-8 px-2 text-left text-small font-medium whitespace-nowrap text-ink-3 first:pl-4 last:pr-4"

/** Of a column of numbers or buttons. */
export const rightHeadCell = `${headCell} text-right!`

/** The classes of what floats over the page, whichever part of the library draws it. */
export const dialogBackdrop =
  "fixed inset-0 z-20 bg-[rgb(0_0_0/0.25)] transition-opacity duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0"

export const dialogPopup =
  "flex max-h-full w-full flex-col overflow-hidden rounded-3 border border-line-2 bg-raised shadow-float transition-[opacity,translate] duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0"

/** The classes of the menus of this page. */
export const menuPopup =
  "min-w-44 rounded-3 border border-line-2 bg-raised p-1 shadow-float outline-hidden max-h-[min(360px,var(--available-height))] overflow-y-auto"

export const menuItem =
  "flex h-7 cursor-default items-center gap-2 rounded-2 px-2 outline-hidden select-none data-highlighted:bg-hover data-popup-open:bg-hover"
