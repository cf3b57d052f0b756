/** The classes of what floats over the page, whichever part of the library draws it. */
export const dialogBackdrop =
  "fixed inset-0 z-20 bg-[rgb(0_0_0/0.25)] transition-opacity duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0"

export const dialogPopup =
  "flex max-h-full w-full flex-col overflow-hidden rounded-3 border border-line-2 bg-raised shadow-float transition-[opacity,translate] duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0"
