/** Rows of a long list, of which only those in sight are there. The page scrolls, not the list. */
import { useWindowVirtualizer } from "@tanstack/react-virtual"
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react"

export const VirtualRows = <T,>({
  children,
  keyOf,
  label,
  rows,
  size,
  target,
}: {
  readonly label: string
  readonly rows: ReadonlyArray<T>
  /** The height of a row that is not open. */
  readonly size: number
  readonly keyOf: (row: T, index: number) => number | string
  /** The row to scroll to when it is there. */
  readonly target?: number | undefined
  readonly children: (row: T, index: number) => ReactNode
}) => {
  const ref = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const measure = () => setTop((ref.current?.getBoundingClientRect().top ?? 0) + window.scrollY)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    return () => observer.disconnect()
  }, [])
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => size,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => keyOf(rows[index]!, index),
  })
  const isReady = top > 0 && target !== undefined && target >= 0
  useEffect(() => {
    if (isReady) virtual.scrollToIndex(target, { align: "center" })
    // Once for each target, and not as rows come.
  }, [isReady, target])
  return (
    <div
      ref={ref}
      role="list"
      aria-label={label}
      className="relative"
      style={{ height: virtual.getTotalSize() }}
    >
      {virtual.getVirtualItems().map((item) => (
        <div
          key={item.key}
          role="listitem"
          aria-setsize={rows.length}
          aria-posinset={item.index + 1}
          data-index={item.index}
          ref={virtual.measureElement}
          className="absolute inset-x-0 top-0 border-b border-line"
          style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
        >
          {children(rows[item.index]!, item.index)}
        </div>
      ))}
    </div>
  )
}
