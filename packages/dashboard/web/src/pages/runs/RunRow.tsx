import type * as Json from "@runlease/http/Json"
import { FlexRender, type Row } from "@tanstack/react-table"
import { memo, type MouseEvent } from "react"
import { shortId } from "../../format/ids"
import { looks, type features } from "./columns"
import { SelectBox } from "./SelectBox"

interface Props {
  readonly row: Row<typeof features, Json.RunSummary>
  readonly index: number
  /** The columns that are shown. */
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

const Cells = ({ index, isCursor, isSelected, onCursor, onSelect, row }: Props) => {
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

export const RunRow = memo(
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
