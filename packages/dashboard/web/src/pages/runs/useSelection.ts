/** Which rows are selected, and the one that the keys are at. Another filter begins anew. */
import type { RowSelectionState } from "@tanstack/react-table"
import { useCallback, useEffect, useRef, useState } from "react"

interface Selection {
  readonly key: string
  readonly ids: RowSelectionState
  readonly cursor: string | undefined
}

export const useSelection = (key: string, order: ReadonlyArray<string>) => {
  const empty: Selection = { key, ids: {}, cursor: undefined }
  const [stored, setStored] = useState(empty)
  const selection = stored.key === key ? stored : empty
  /** The row that a range begins at. */
  const anchor = useRef<string>(undefined)
  const rows = useRef(order)
  useEffect(() => {
    rows.current = order
  })
  const change = useCallback(
    (next: (before: Selection) => Partial<Selection>) =>
      setStored((before) => {
        const current = before.key === key ? before : { key, ids: {}, cursor: undefined }
        return { ...current, ...next(current) }
      }),
    [key],
  )

  /** Selects a row or no longer; with `isRange` all rows from the one before are selected. */
  const toggle = useCallback(
    (id: string, isRange: boolean) => {
      const at = (one: string | undefined) => (one === undefined ? -1 : rows.current.indexOf(one))
      const [from, to] = [at(anchor.current), at(id)]
      anchor.current = id
      change(({ ids }) => {
        if (isRange && from >= 0 && to >= 0) {
          const range = rows.current.slice(Math.min(from, to), Math.max(from, to) + 1)
          return { ids: { ...ids, ...Object.fromEntries(range.map((one) => [one, true] as const)) } }
        }
        const { [id]: was, ...others } = ids
        return { ids: was === true ? others : { ...ids, [id]: true } }
      })
    },
    [change],
  )
  const selectAll = useCallback(
    (isSelected: boolean) =>
      change(() => ({
        ids: isSelected ? Object.fromEntries(rows.current.map((one) => [one, true] as const)) : {},
      })),
    [change],
  )
  const setCursor = useCallback(
    (cursor: string) => change((before) => (before.cursor === cursor ? before : { cursor })),
    [change],
  )
  /** The row `step` rows from the cursor; the first row where there is none. */
  const move = useCallback(
    (step: 1 | -1) =>
      change(({ cursor }) => {
        const index = cursor === undefined ? -1 : rows.current.indexOf(cursor)
        const next =
          rows.current[index < 0 ? 0 : Math.min(rows.current.length - 1, Math.max(0, index + step))]
        return next === undefined ? {} : { cursor: next }
      }),
    [change],
  )
  return { ids: selection.ids, cursor: selection.cursor, toggle, selectAll, setCursor, move }
}
