/** The frame around the part of the strip that is shown: drawn with the pointer, moved by its two edges with the keys. */
import { useState, type KeyboardEvent, type PointerEvent } from "react"
import { bucketCount, snapped, type Brush } from "./timeStrip"

interface Props {
  readonly brush: Brush
  readonly wordsAt: (share: number) => string
  readonly onChange: (brush: Brush) => void
  readonly onReset: () => void
}

/** A press that moves less than this, in pixels, is no brush. */
const leastMove = 4

interface Drag {
  readonly x: number
  readonly anchor: number
  readonly brush: Brush | undefined
}

const shareAt = ({ clientX, currentTarget }: PointerEvent<HTMLElement>): number => {
  const { left, width } = currentTarget.getBoundingClientRect()
  return (clientX - left) / width
}

export const StripBrush = ({ brush, onChange, onReset, wordsAt }: Props) => {
  const [drag, setDrag] = useState<Drag>()
  const shown = drag?.brush ?? brush

  const onEdgeKey = (edge: "from" | "to") => (event: KeyboardEvent) => {
    const index = Math.round(brush[edge] * bucketCount)
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: index - 1,
      ArrowDown: index - 1,
      ArrowRight: index + 1,
      ArrowUp: index + 1,
      PageUp: index + 12,
      PageDown: index - 12,
      Home: 0,
      End: bucketCount,
    }
    const next = steps[event.key]
    if (next === undefined) return
    event.preventDefault()
    const low = edge === "to" ? Math.round(brush.from * bucketCount) + 1 : 0
    const high = edge === "from" ? Math.round(brush.to * bucketCount) - 1 : bucketCount
    onChange({ ...brush, [edge]: Math.min(high, Math.max(low, next)) / bucketCount })
  }

  /** A press near an edge takes that edge; the other one stays. */
  const anchorOf = (event: PointerEvent<HTMLElement>): number => {
    const edge = event.target instanceof HTMLElement ? event.target.dataset["edge"] : undefined
    return edge === "from" ? brush.to : edge === "to" ? brush.from : shareAt(event)
  }

  return (
    <div
      className="absolute inset-0 cursor-crosshair touch-none"
      onDoubleClick={onReset}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        setDrag({ x: event.clientX, anchor: anchorOf(event), brush: undefined })
      }}
      onPointerMove={(event) => {
        if (drag === undefined) return
        if (drag.brush === undefined && Math.abs(event.clientX - drag.x) < leastMove) return
        setDrag({ ...drag, brush: snapped(drag.anchor, shareAt(event)) })
      }}
      onPointerUp={() => {
        if (drag?.brush !== undefined) onChange(drag.brush)
        setDrag(undefined)
      }}
      onPointerCancel={() => setDrag(undefined)}
      onKeyDown={(event) => {
        if (event.key === "Escape") setDrag(undefined)
      }}
    >
      <div
        className="absolute inset-y-0 rounded-[3px] border border-edge bg-ink/5"
        style={{ left: `${shown.from * 100}%`, right: `${(1 - shown.to) * 100}%` }}
      >
        {(["from", "to"] as const).map((edge) => (
          <div
            key={edge}
            role="slider"
            tabIndex={0}
            data-edge={edge}
            aria-label={edge === "from" ? "Started from" : "Started before"}
            aria-valuemin={0}
            aria-valuemax={bucketCount}
            aria-valuenow={Math.round(shown[edge] * bucketCount)}
            aria-valuetext={wordsAt(shown[edge])}
            onKeyDown={onEdgeKey(edge)}
            className={`absolute inset-y-0 w-2 cursor-ew-resize ${edge === "from" ? "-left-1" : "-right-1"}`}
          />
        ))}
      </div>
    </div>
  )
}
