/** Drag zooms into a part of the axis; a double click shows all again. */
import { type PointerEvent, useState } from "react"
import type { Scale, Span } from "./scale"

interface Drag {
  readonly from: number
  readonly to: number
}

/** A pointer that moves less than this many pixels points at something. */
const least = 6

export const useLaneZoom = (scale: Scale | undefined, setZoom: (zoom: Span | null) => void) => {
  const [drag, setDrag] = useState<Drag | null>(null)
  const xOf = (event: PointerEvent<HTMLElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    return Math.min(width, Math.max(0, event.clientX - left))
  }
  const end = (event: PointerEvent<HTMLElement>) => {
    setDrag(null)
    if (drag === null || scale === undefined || Math.abs(drag.to - drag.from) < least) return
    if (event.currentTarget.hasPointerCapture(event.pointerId))
      event.currentTarget.releasePointerCapture(event.pointerId)
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]
    setZoom({ from: scale.instant(from), to: Math.max(scale.instant(from) + 200, scale.instant(to)) })
  }
  return {
    drag: drag !== null && Math.abs(drag.to - drag.from) >= least ? drag : null,
    handlers: {
      onPointerDown: (event: PointerEvent<HTMLElement>) => {
        if (event.button === 0) setDrag({ from: xOf(event), to: xOf(event) })
      },
      onPointerMove: (event: PointerEvent<HTMLElement>) => {
        if (drag === null) return
        const to = xOf(event)
        if (Math.abs(to - drag.from) >= least) event.currentTarget.setPointerCapture(event.pointerId)
        setDrag({ from: drag.from, to })
      },
      onPointerUp: end,
      onPointerCancel: () => setDrag(null),
      onDoubleClick: () => setZoom(null),
    },
  }
}
