/** The rows of the table, of which only those in view are drawn. Scrolling renders this alone. */
import type * as Json from "@runlease/http/Json"
import type { Row, RowSelectionState } from "@tanstack/react-table"
import { memo, useEffect, useRef, type RefObject } from "react"
import type { features } from "./columns"
import { RunRow } from "./RunRow"
import { useRowWindow } from "./useRowWindow"

export const runHeight = 36

export interface BodyProps {
  readonly tableRows: ReadonlyArray<Row<typeof features, Json.RunSummary>>
  /** The columns that are shown. */
  readonly columnKey: string
  readonly selection: RowSelectionState
  readonly cursor: string | undefined
  readonly onSelect: (runId: string, isRange: boolean) => void
  readonly onCursor: (runId: string) => void
  readonly onEnd: () => void
  readonly visible: RefObject<readonly [first: number, last: number]>
}

/** The row of the cursor comes into view and has the focus, so that Enter opens it and its words are read. */
const useCursorFocus = (
  cursor: string | undefined,
  indexOf: (runId: string) => number,
  scrollTo: (index: number) => void,
): void => {
  const current = useRef({ indexOf, scrollTo })
  useEffect(() => {
    current.current = { indexOf, scrollTo }
  })
  useEffect(() => {
    if (cursor === undefined) return
    const index = current.current.indexOf(cursor)
    if (index < 0) return
    const link = () => document.getElementById(`run-${cursor}`)?.querySelector("a")
    // A row that has the focus in it was reached without these keys.
    if (link()?.closest("tr")?.contains(document.activeElement) === true) return
    current.current.scrollTo(index)
    const frame = requestAnimationFrame(() => link()?.focus({ preventScroll: true }))
    return () => cancelAnimationFrame(frame)
  }, [cursor])
}

const Space = ({ height }: { readonly height: number }) =>
  height <= 0 ? null : (
    <tr aria-hidden>
      <td style={{ height }} />
    </tr>
  )

export const RunsBody = memo((props: BodyProps) => {
  const { columnKey, cursor, onCursor, onEnd, onSelect, selection, tableRows, visible } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const { after, before, items, scrollTo } = useRowWindow({
    count: tableRows.length,
    height: runHeight,
    body,
    bottom: 72,
    onEnd,
    visible,
  })
  useCursorFocus(cursor, (runId) => tableRows.findIndex((row) => row.id === runId), scrollTo)
  return (
    <tbody ref={body}>
      <Space height={before} />
      {items.map(({ index }) => {
        const row = tableRows[index]
        return row === undefined ? null : (
          <RunRow
            key={row.id}
            row={row}
            index={index}
            columnKey={columnKey}
            isSelected={selection[row.id] === true}
            isCursor={row.id === cursor}
            onSelect={onSelect}
            onCursor={onCursor}
          />
        )
      })}
      <Space height={after} />
    </tbody>
  )
})
