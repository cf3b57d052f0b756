/** A label of a run: its name, and its value in ink. Where there is no room, the name is cut first. */

/** The classes of the chip around it. */
export const labelChip =
  "inline-flex h-5 max-w-60 items-center rounded-1 border border-line-2 bg-surface px-1.5 text-small text-ink-2"

/** `text`: `name:value` */
export const Label = ({ text }: { readonly text: string }) => {
  const colon = text.indexOf(":")
  return (
    <>
      <span className="min-w-[2ch] shrink-[99] truncate text-ink-3">{text.slice(0, colon)}</span>
      <span className="text-ink-3">:</span>
      <span className="min-w-0 truncate">{text.slice(colon + 1)}</span>
    </>
  )
}
