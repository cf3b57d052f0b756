/** The parts of a claim, the last ones first: a claim may have thousands. */
import { Fragment, type ReactNode, useState } from "react"
import { integer, plural } from "../../../format/numbers"
import type { Part } from "../model/parts"

/** The most parts that are shown at once. */
const page = 200
/** The number of parts that came while the page was open from which the first of them go. */
const most = 2000

/** The first part that is shown. It stays while others come, so that nothing moves; the reader moves it back. */
const useStart = (count: number) => {
  const [start, setStart] = useState(Math.max(0, count - page))
  const shown = count - start > most ? count - page : Math.min(start, count)
  if (shown !== start) setStart(shown)
  return { start: shown, showEarlier: () => setStart(Math.max(0, shown - page)) }
}

export const Parts = ({
  parts,
  view,
}: {
  readonly parts: ReadonlyArray<Part>
  readonly view: (part: Part) => ReactNode
}) => {
  const { showEarlier, start } = useStart(parts.length)
  return (
    <>
      {start === 0 ? null : (
        <button
          type="button"
          className="my-1 text-small font-medium text-ink-2 underline decoration-line-2 underline-offset-3 hover:text-ink max-desk:min-h-11"
          onClick={showEarlier}
        >
          Show {plural(Math.min(page, start), "earlier part")}
          {start > page ? ` of ${integer(start)}` : ""}
        </button>
      )}
      {parts.slice(start).map((part) => (
        <Fragment key={part.key}>{view(part)}</Fragment>
      ))}
    </>
  )
}
