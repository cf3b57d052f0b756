/** A line of a list that opens to its JSON. */
import { type ReactNode, useState } from "react"
import { Chevron } from "../conversation/Disclosure"

export const Disclosed = ({
  children,
  name,
  text,
}: {
  readonly name: string
  readonly text: string
  readonly children: () => ReactNode
}) => {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button
        type="button"
        aria-expanded={isOpen}
        className="-mx-1 flex min-h-7 w-full min-w-0 items-center gap-2 rounded-1 px-1 text-left hover:bg-hover max-desk:min-h-11"
        onClick={() => setOpen(!isOpen)}
      >
        <Chevron isOpen={isOpen} />
        <span className="shrink-0 font-medium">{name}</span>
        <span className="min-w-0 truncate text-ink-2">{text}</span>
      </button>
      {isOpen ? <div className="pl-5">{children()}</div> : null}
    </>
  )
}
