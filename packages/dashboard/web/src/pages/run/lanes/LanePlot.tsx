/** The plot of the lanes: axis, picture, labels of the bars, and what can be pointed at. */
import { type PointerEvent, useState } from "react"
import { clock, duration } from "../../../format/times"
import { lane } from "./drawing"
import { LaneDrawing } from "./LaneDrawing"
import { LaneHits } from "./LaneHits"
import { labelsOf, type Tone } from "./labels"
import type { Layout } from "./layout"
import type { Span } from "./scale"
import { useLaneZoom } from "./zoom"

const tones: Record<Tone, string> = {
  dim: "text-ink-3",
  waiting: "text-waiting",
  failed: "text-failed",
  running: "text-running",
}

/** In the middle of the break, or as near to it as the time of now lets it be. */
const breakLabelAt = (x: number, nowX: number | null): number =>
  nowX === null || Math.abs(nowX - x - 12) > 60 ? x + 12 : nowX - 60

const Axis = ({ layout, now }: { readonly layout: Layout; readonly now: number }) => {
  const placed = "absolute top-0.5 -translate-x-1/2 whitespace-nowrap"
  return (
    <div aria-hidden className="relative h-[22px] text-micro text-ink-3">
      {layout.axis.map(({ label, x }) => (
        <span key={label + x} className={placed} style={{ left: x }}>
          {label}
        </span>
      ))}
      {layout.nowX === null ? null : (
        <span
          className={`${placed} font-medium text-ink`}
          style={{ left: Math.min(layout.nowX, layout.scale.width - 22) }}
        >
          {clock(now)}
        </span>
      )}
      {layout.scale.breaks.map(({ from, to, x }) => (
        <span key={x} className={placed} style={{ left: breakLabelAt(x, layout.nowX) }}>
          {duration(to - from)}
        </span>
      ))}
    </div>
  )
}

export const LanePlot = ({
  current,
  layout,
  now,
  onPoint,
  onPointStep,
  onSelect,
  onZoom,
  selected,
}: {
  readonly layout: Layout
  readonly now: number
  readonly current: string | undefined
  readonly selected: string | null
  readonly onSelect: (id: string) => void
  readonly onPoint: (id: string | null) => void
  readonly onPointStep: (id: string | null) => void
  readonly onZoom: (zoom: Span | null) => void
}) => {
  const { drag, handlers } = useLaneZoom(layout.scale, onZoom)
  const [pointed, setPointed] = useState<string | null>(null)
  /** The steps are many, so they have no buttons: the pointer finds the one that it is over. */
  const pointStep = (event: PointerEvent<HTMLElement>) => {
    const { left, top } = event.currentTarget.getBoundingClientRect()
    const x = event.clientX - left
    const row = Math.floor((event.clientY - top - 22) / lane)
    const over = [...layout.reads, ...layout.stepHits].find(
      (hit) => hit.row === row && x >= hit.x - 3 && x <= hit.x + Math.max(3, hit.width),
    )
    const id = over?.segment.id ?? null
    if (id === pointed) return
    setPointed(id)
    onPointStep(id)
  }
  return (
    <div
      className="relative min-w-0 touch-pan-y select-none"
      {...handlers}
      onPointerMove={(event) => {
        handlers.onPointerMove(event)
        pointStep(event)
      }}
      onPointerLeave={() => {
        setPointed(null)
        onPointStep(null)
      }}
    >
      <Axis layout={layout} now={now} />
      <LaneDrawing layout={layout} />
      {labelsOf(layout, now).map(({ id, row, side, text, tone, x }) => (
        <span
          key={id}
          aria-hidden
          className={`pointer-events-none absolute -mx-1 bg-surface px-1 text-micro font-medium whitespace-nowrap ${tones[tone]} ${side === "left" ? "-translate-x-full" : ""}`}
          style={{ left: x, top: 26 + row * lane }}
        >
          {text}
        </span>
      ))}
      <LaneHits
        hits={layout.hits}
        now={now}
        current={current}
        selected={selected}
        onSelect={onSelect}
        onPoint={onPoint}
      />
      {drag === null ? null : (
        <div
          className="pointer-events-none absolute top-[22px] bottom-0 border-x border-accent bg-accent/10"
          style={{ left: Math.min(drag.from, drag.to), width: Math.abs(drag.to - drag.from) }}
        />
      )}
    </div>
  )
}
