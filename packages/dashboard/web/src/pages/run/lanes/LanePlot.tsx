/** The plot of the lanes: axis, picture, labels of the bars, and what can be pointed at. */
import { type PointerEvent, useState } from "react"
import { clock, duration } from "../../../format/times"
import { sentenceOf } from "./describe"
import { type Bar, type Hit, lane } from "./drawing"
import { labelsOf, type Tone } from "./labels"
import type { Layout } from "./layout"
import type { Scale, Span } from "./scale"

const shapes: Record<Bar["look"], { readonly y: number; readonly height: number; readonly radius: number }> =
  {
    queue: { y: 11, height: 2, radius: 0 },
    wait: { y: 7, height: 10, radius: 2 },
    past: { y: 6, height: 12, radius: 2 },
    live: { y: 6, height: 12, radius: 2 },
    left: { y: 6.5, height: 11, radius: 2 },
    loss: { y: 6, height: 12, radius: 0 },
    step: { y: 9, height: 6, radius: 1 },
    broken: { y: 9, height: 6, radius: 1 },
    failed: { y: 9, height: 6, radius: 1 },
    child: { y: 7, height: 10, radius: 2 },
    childWait: { y: 11, height: 2, radius: 0 },
  }

const paints: Record<
  Bar["look"],
  { readonly fill: string; readonly stroke?: string; readonly dashes?: string }
> = {
  queue: { fill: "var(--edge)" },
  wait: { fill: "url(#lane-dots)", stroke: "var(--waiting)" },
  past: { fill: "var(--claimed-bg)", stroke: "var(--claimed)" },
  live: { fill: "var(--running)" },
  left: { fill: "var(--running-bg)", stroke: "var(--running)", dashes: "3 2" },
  loss: { fill: "url(#lane-hatch)" },
  step: { fill: "var(--ink-3)" },
  failed: { fill: "var(--failed)" },
  broken: { fill: "none", stroke: "var(--ink-3)", dashes: "2 2" },
  child: { fill: "color-mix(in srgb, var(--child) 18%, var(--surface))", stroke: "var(--child)" },
  childWait: { fill: "var(--line-2)" },
}

const LanePatterns = () => (
  <defs>
    <pattern id="lane-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect width="5" height="5" fill="var(--failed-bg)" />
      <line x1="0" x2="0" y1="0" y2="5" stroke="var(--failed)" strokeWidth="2.4" />
    </pattern>
    <pattern id="lane-dots" width="4" height="4" patternUnits="userSpaceOnUse">
      <rect width="4" height="4" fill="var(--waiting-bg)" />
      <circle cx="2" cy="2" r=".8" fill="var(--waiting)" />
    </pattern>
  </defs>
)

const BarShape = ({ bar: { look, row, width, x } }: { readonly bar: Bar }) => {
  const { height, radius, y } = shapes[look]
  const { dashes, fill, stroke } = paints[look]
  return (
    <rect
      x={x}
      y={row * lane + y}
      width={Math.max(look === "queue" || look === "childWait" ? 1 : 2, width)}
      height={height}
      rx={radius}
      fill={fill}
      stroke={stroke}
      strokeDasharray={dashes}
    />
  )
}

const capColours = { past: "var(--claimed)", live: "var(--running)", child: "var(--child)" } as const

const cross = "M-4 -4l8 8m0-8l-8 8"

/** The break of the axis where a long idle time is folded. */
const Break = ({ height, x }: { readonly x: number; readonly height: number }) => (
  <g>
    <rect x={x + 1} y={-2} width={22} height={height + 2} fill="var(--surface)" />
    <path
      d={`M${x + 1} -2V${height}M${x + 23} -2V${height}`}
      stroke="var(--line-2)"
      strokeDasharray="2 3"
      fill="none"
    />
    <path d={`M${x + 8} 16l3 -8M${x + 13} 16l3 -8`} stroke="var(--edge)" strokeWidth={1.25} fill="none" />
  </g>
)

const LaneDrawing = ({ layout }: { readonly layout: Layout }) => (
  <svg width="100%" height={layout.height} aria-hidden className="block overflow-visible">
    <LanePatterns />
    {layout.rows.slice(1).map((_, index) => (
      <line
        key={index}
        x1="0"
        x2="100%"
        y1={(index + 1) * lane + 0.5}
        y2={(index + 1) * lane + 0.5}
        stroke="var(--line)"
      />
    ))}
    {layout.links.map(({ dashed, x, y1, y2 }, index) => (
      <line
        key={index}
        x1={x}
        x2={x}
        y1={y1}
        y2={y2}
        stroke="var(--edge)"
        strokeWidth={1.25}
        strokeDasharray={dashed ? "2 2" : undefined}
      />
    ))}
    {layout.bars.map((bar, index) => (
      <BarShape key={index} bar={bar} />
    ))}
    {layout.ticks.map(({ isLive, row, x }, index) => (
      <line
        key={index}
        x1={x}
        x2={x}
        y1={row * lane + 6}
        y2={row * lane + 11}
        stroke={isLive ? "var(--surface)" : "var(--claimed)"}
      />
    ))}
    {layout.caps.map(({ look, row, x }, index) => (
      <line
        key={index}
        x1={x}
        x2={x}
        y1={row * lane + 3}
        y2={row * lane + 21}
        stroke={capColours[look]}
        strokeWidth={2}
      />
    ))}
    {layout.losses.map(({ row, x }, index) => (
      <g key={index} transform={`translate(${x} ${row * lane + 12})`} strokeLinecap="round">
        <path d={cross} stroke="var(--surface)" strokeWidth={6} />
        <path d={cross} stroke="var(--failed)" strokeWidth={2.2} />
      </g>
    ))}
    {layout.reads.map(({ row, x }, index) => (
      <path
        key={index}
        d={`M${x} ${row * lane + 7}l5 5l-5 5l-5-5z`}
        fill="var(--surface)"
        stroke="var(--ink)"
        strokeWidth={1.5}
      />
    ))}
    {layout.scale.breaks.map(({ x }) => (
      <Break key={x} x={x} height={layout.height} />
    ))}
    {layout.nowX === null ? null : (
      <line x1={layout.nowX} x2={layout.nowX} y1={-2} y2={layout.height} stroke="var(--ink)" />
    )}
  </svg>
)

const leastWidth = 14

/** The segments as buttons over the picture: for the pointer, for keys, and as a list for screen readers. */
const LaneHits = ({
  current,
  hits,
  now,
  onPoint,
  onSelect,
  selected,
}: {
  readonly hits: ReadonlyArray<Hit>
  readonly now: number
  /** The one that Tab comes to. */
  readonly current: string | undefined
  readonly selected: string | null
  readonly onSelect: (id: string) => void
  readonly onPoint: (id: string | null) => void
}) => (
  <ul aria-label="Segments, in the order of time">
    {hits
      .toSorted((a, b) => a.segment.from - b.segment.from)
      .map(({ row, segment, width, x }) => {
        const shown = Math.max(leastWidth, width)
        return (
          <li key={segment.id}>
            <button
              type="button"
              data-segment={segment.id}
              tabIndex={segment.id === current ? 0 : -1}
              aria-pressed={segment.id === selected}
              aria-label={sentenceOf(segment, now)}
              className="absolute h-6 rounded-[3px] aria-pressed:outline-2 aria-pressed:-outline-offset-2 aria-pressed:outline-accent"
              style={{ left: x - (shown - width) / 2, width: shown, top: 22 + row * lane }}
              onClick={() => onSelect(segment.id)}
              onFocus={() => onSelect(segment.id)}
              onPointerEnter={() => onPoint(segment.id)}
              onPointerLeave={() => onPoint(null)}
            />
          </li>
        )
      })}
  </ul>
)

interface Drag {
  readonly from: number
  readonly to: number
}

/** A pointer that moves less than this many pixels points at something. */
const leastDrag = 6

/** Drag zooms into a part of the axis; a double click shows all again. */
const useLaneZoom = (scale: Scale | undefined, setZoom: (zoom: Span | null) => void) => {
  const [drag, setDrag] = useState<Drag | null>(null)
  const xOf = (event: PointerEvent<HTMLElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    return Math.min(width, Math.max(0, event.clientX - left))
  }
  const end = (event: PointerEvent<HTMLElement>) => {
    setDrag(null)
    if (drag === null || scale === undefined || Math.abs(drag.to - drag.from) < leastDrag) return
    if (event.currentTarget.hasPointerCapture(event.pointerId))
      event.currentTarget.releasePointerCapture(event.pointerId)
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]
    setZoom({ from: scale.instant(from), to: Math.max(scale.instant(from) + 200, scale.instant(to)) })
  }
  return {
    drag: drag !== null && Math.abs(drag.to - drag.from) >= leastDrag ? drag : null,
    handlers: {
      onPointerDown: (event: PointerEvent<HTMLElement>) => {
        if (event.button === 0) setDrag({ from: xOf(event), to: xOf(event) })
      },
      onPointerMove: (event: PointerEvent<HTMLElement>) => {
        if (drag === null) return
        const to = xOf(event)
        if (Math.abs(to - drag.from) >= leastDrag) event.currentTarget.setPointerCapture(event.pointerId)
        setDrag({ from: drag.from, to })
      },
      onPointerUp: end,
      onPointerCancel: () => setDrag(null),
      onDoubleClick: () => setZoom(null),
    },
  }
}

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
