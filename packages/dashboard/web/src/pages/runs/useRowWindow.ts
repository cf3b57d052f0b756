/** The rows that are in view, of those that are loaded; the window scrolls them. */
import { useWindowVirtualizer } from "@tanstack/react-virtual"
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react"

/** The head of the page, and of the table. */
const headHeight = 52 + 32

interface Options {
  readonly count: number
  readonly height: number
  /** The element that the rows begin with. */
  readonly body: RefObject<HTMLElement | null>
  /** Loads more rows when the end of the loaded ones comes near. */
  readonly onEnd: () => void
  readonly visible: RefObject<readonly [first: number, last: number]>
  readonly bottom: number
}

/** How far above the end, in rows, more rows are loaded. */
const ahead = 30

const useTopOf = (element: RefObject<HTMLElement | null>): number => {
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const measure = () => {
      if (element.current === null) return
      setTop(Math.round(element.current.getBoundingClientRect().top + scrollY))
    }
    measure()
    // The content above the rows changes its height with the width and with the filters.
    const observer = new ResizeObserver(measure)
    for (let above = element.current; above !== null; above = above.parentElement) {
      for (
        let before = above.previousElementSibling;
        before !== null;
        before = before.previousElementSibling
      ) {
        observer.observe(before)
      }
    }
    return () => observer.disconnect()
  }, [element])
  return top
}

export const useRowWindow = ({ body, bottom, count, height, onEnd, visible }: Options) => {
  const top = useTopOf(body)
  const virtualizer = useWindowVirtualizer({
    count,
    estimateSize: () => height,
    overscan: 12,
    scrollMargin: top,
    scrollPaddingStart: headHeight,
    scrollPaddingEnd: bottom,
  })
  const items = virtualizer.getVirtualItems()
  const first = items[0]
  const last = items.at(-1)
  useEffect(() => {
    visible.current = [first?.index ?? 0, last?.index ?? 0]
  })
  const isNearEnd = count > 0 && (last?.index ?? 0) >= count - ahead
  const atEnd = useRef(onEnd)
  useEffect(() => {
    atEnd.current = onEnd
  })
  useEffect(() => {
    if (isNearEnd) atEnd.current()
  }, [isNearEnd, count])
  return {
    items,
    before: (first?.start ?? top) - top,
    after: count * height - ((last?.end ?? top) - top),
    scrollTo: (index: number) => virtualizer.scrollToIndex(index, { align: "auto" }),
  }
}
