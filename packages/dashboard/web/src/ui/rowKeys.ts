/** The keys that move the focus by rows of a table. */
import type { RefObject } from "react"
import { useKeys } from "./keys"

/** `noun` is what a row is about. */
export const useRowKeys = (box: RefObject<HTMLElement | null>, noun: string): void => {
  const move = (by: number) => () => {
    const rows = Array.from(box.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])
    const from = rows.indexOf(document.activeElement as HTMLElement)
    rows[from < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, from + by))]?.focus()
  }
  const last = `${noun[0]!.toUpperCase()}${noun.slice(1)} before`
  useKeys({
    j: { label: `Next ${noun}`, run: move(1), repeats: true },
    k: { label: last, run: move(-1), repeats: true },
  })
}
