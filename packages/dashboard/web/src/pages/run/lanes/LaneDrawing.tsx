/** The lanes as a picture. Its content is in the segments next to it. */
import type { Layout } from "./layout"
import { type Bar, lane } from "./drawing"

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

export const LanePatterns = () => (
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

export const LaneDrawing = ({ layout }: { readonly layout: Layout }) => (
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
