/** The table of a wide screen: its head, and the rows that are loaded. */
import type * as Json from "@runlease/http/Json"
import { useTable, type RowSelectionState } from "@tanstack/react-table"
import { useMemo, type ReactNode } from "react"
import { columns, features, looks } from "./columns"
import { RunsBody, type BodyProps } from "./RunsBody"
import { SelectBox } from "./SelectBox"

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
