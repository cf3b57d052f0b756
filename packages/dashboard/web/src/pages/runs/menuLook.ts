/** The classes of the menus of this page. */
export const menuPopup =
  "min-w-44 rounded-3 border border-line-2 bg-raised p-1 shadow-float outline-hidden max-h-[min(360px,var(--available-height))] overflow-y-auto"

export const menuItem =
  "flex h-7 cursor-default items-center gap-2 rounded-2 px-2 outline-hidden select-none data-highlighted:bg-hover data-popup-open:bg-hover"
