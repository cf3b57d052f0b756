/** The table of a wide screen: its head, and the rows that are loaded. */
import type * as Json from "@runlease/http/Json"
import { FlexRender, type Row, type RowSelectionState, useTable } from "@tanstack/react-table"
import { memo, type MouseEvent, type ReactNode, type RefObject, useEffect, useMemo, useRef } from "react"
import { shortId } from "../../format/ids"
import { SelectBox } from "./SelectBox"
import { columns, features, looks } from "./columns"
import { useRowWindow } from "./useRowWindow"

interface RunRowProps {
  readonly row: Row<typeof features, Json.RunSummary>
  readonly index: number
  readonly columnKey: string
  readonly isSelected: boolean
  readonly isCursor: boolean
  readonly onSelect: (runId: string, isRange: boolean) => void
  readonly onCursor: (runId: string) => void
}

/** A click anywhere on a row is one on its link, with the same modifier keys. */
const openRow = (event: MouseEvent<HTMLTableRowElement>): void => {
  const { target } = event
  if (!(target instanceof Element) || target.closest("a, input, button") !== null) return
  if (getSelection()?.isCollapsed === false) return
  const { ctrlKey, metaKey, shiftKey } = event
  event.currentTarget
    .querySelector("a")
    ?.dispatchEvent(
      new globalThis.MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }),
    )
}

const Cells = ({ index, isCursor, isSelected, onCursor, onSelect, row }: RunRowProps) => {
  const cell = "h-9 border-b border-line whitespace-nowrap"
  return (
    <tr
      id={`run-${row.id}`}
      aria-rowindex={index + 2}
      onClick={openRow}
      onFocus={() => onCursor(row.id)}
      className={`cursor-pointer ${isSelected ? "bg-accent-bg" : "hover:bg-hover"}`}
    >
      <td
        className={`${cell} pr-2 pl-4 ${isCursor ? "shadow-[inset_2px_0_0_var(--accent)]" : ""}`}
        onClick={(event) => event.stopPropagation()}
      >
        <SelectBox
          label={`Select run ${shortId(row.id)}`}
          state={isSelected ? "all" : "none"}
          onToggle={(event) => onSelect(row.id, event.shiftKey)}
        />
      </td>
      {row.getVisibleCells().map((one) => (
        <td key={one.id} className={`${cell} px-2 last:pr-4 ${looks[one.column.id]?.className}`}>
          <FlexRender cell={one} />
        </td>
      ))}
    </tr>
  )
}

const RunRow = memo(
  Cells,
  (a, b) =>
    a.row.original === b.row.original &&
    a.index === b.index &&
    a.columnKey === b.columnKey &&
    a.isSelected === b.isSelected &&
    a.isCursor === b.isCursor &&
    a.onSelect === b.onSelect &&
    a.onCursor === b.onCursor,
)

export const runHeight = 36

interface BodyProps {
  readonly tableRows: ReadonlyArray<Row<typeof features, Json.RunSummary>>
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

const RunsBody = memo((props: BodyProps) => {
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

interface Props extends Omit<BodyProps, "columnKey" | "tableRows"> {
  readonly rows: ReadonlyArray<Json.RunSummary>
  readonly isComplete: boolean
  readonly visibility: Readonly<Record<string, boolean>>
  readonly selection: RowSelectionState
  readonly onSelectAll: (isSelected: boolean) => void
  readonly pill: ReactNode
}

export const RunsTable = (props: Props) => {
  const { isComplete, onSelectAll, pill, rows, selection, visibility, ...body } = props
  const table = useTable({
    features,
    columns,
    data: rows,
    getRowId: (run) => run.run_id,
    state: { columnVisibility: visibility, rowSelection: selection },
  })
  const shown = table.getVisibleLeafColumns()
  const selected = useMemo(
    () => rows.reduce((count, run) => count + (selection[run.run_id] === true ? 1 : 0), 0),
    [rows, selection],
  )
  return (
    <table
      aria-rowcount={isComplete ? rows.length + 1 : -1}
      className="w-full table-fixed border-separate border-spacing-0"
    >
      <colgroup>
        <col style={{ width: 40 }} />
        {shown.map(({ id }) => (
          <col key={id} style={{ width: looks[id]?.width }} />
        ))}
      </colgroup>
      <thead className="sticky top-[52px] z-4 bg-surface">
        <tr aria-rowindex={1}>
          <th scope="col" className="h-8 border-b border-line pr-2 pl-4 text-left">
            <SelectBox
              label="Select all that are loaded"
              state={selected === 0 ? "none" : selected === rows.length ? "all" : "some"}
              onToggle={() => onSelectAll(selected < rows.length)}
            />
          </th>
          {table.getFlatHeaders().map((header) => (
            <th
              key={header.id}
              scope="col"
              aria-sort={header.column.id === "started" ? "descending" : undefined}
              className={`h-8 border-b border-line px-2 text-left text-small font-medium whitespace-nowrap text-ink-3 last:pr-4 ${
                looks[header.column.id]?.className.includes("text-right") === true ? "!text-right" : ""
              }`}
            >
              <span className={header.column.id === "run" ? "flex items-center justify-between" : ""}>
                <span>
                  <table.FlexRender header={header} />
                  {header.column.id === "started" ? <span aria-hidden> ↓</span> : null}
                </span>
                {header.column.id === "run" ? pill : null}
              </span>
            </th>
          ))}
        </tr>
      </thead>
      <RunsBody
        {...body}
        selection={selection}
        tableRows={table.getRowModel().rows}
        columnKey={shown.map(({ id }) => id).join(" ")}
      />
    </table>
  )
}
