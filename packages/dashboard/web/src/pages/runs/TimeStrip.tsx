/** When runs were submitted and how many failed, as a strip to brush: it counts all runs, where the table has those that are loaded. */
import { useQuery } from "@tanstack/react-query"
import { type KeyboardEvent, memo, type PointerEvent, useMemo, useState } from "react"
import { send } from "../../api/client"
import { integer, plural } from "../../format/numbers"
import { useNow } from "../../ui/now"
import type { RunFilter } from "./filter"
import { instantOf, type Range } from "./range"
import {
  axisWords,
  type Brush,
  brushOf,
  type Bucket,
  bucketCount,
  bucketMillis,
  bucketsOf,
  bucketWords,
  domainOf,
  rangeOf,
  scaleFor,
  snapped,
  type StripScale,
} from "./timeStrip"

const step = 8

const width = bucketCount * step

const height = 40

const tallest = 33

const barWidth = 6.4

/** A bucket has runs submitted in it, and runs that failed in it, which may have been submitted before. */
const Bar = ({
  bucket,
  index,
  scale,
}: {
  readonly bucket: Bucket
  readonly index: number
  readonly scale: number
}) => {
  const x = index * step + 0.8
  const total = Math.max(bucket.submitted, bucket.failed) * scale
  if (total === 0) return null
  const failed = bucket.failed === 0 ? 0 : Math.max(1.2, bucket.failed * scale)
  const rest = Math.max(0, Math.max(total, 1.5) - failed)
  return (
    <>
      {rest === 0 ? null : (
        <rect x={x} y={height - rest} width={barWidth} height={rest} fill="var(--claimed)" opacity={0.85} />
      )}
      {failed === 0 ? null : (
        <rect
          x={x}
          y={height - rest - failed - (rest === 0 ? 0 : 0.6)}
          width={barWidth}
          height={failed}
          fill="var(--failed)"
        />
      )}
    </>
  )
}

const StripBars = memo(
  ({ buckets, label }: { readonly buckets: ReadonlyArray<Bucket>; readonly label: string }) => {
    const most = buckets.reduce((most, { failed, submitted }) => Math.max(most, failed, submitted), 0)
    return (
      <svg
        role="img"
        aria-label={label}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        className="absolute inset-0 size-full"
      >
        {buckets.map((bucket, index) => (
          <Bar key={bucket.start} bucket={bucket} index={index} scale={most === 0 ? 0 : tallest / most} />
        ))}
      </svg>
    )
  },
)

interface StripBrushProps {
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

/** The frame around the part of the strip that is shown: drawn with the pointer, moved by its two edges with the keys. */
const StripBrush = ({ brush, onChange, onReset, wordsAt }: StripBrushProps) => {
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

const useBuckets = (
  project: string,
  agent: string | undefined,
  { merge, step }: StripScale,
  now: number,
): ReadonlyArray<Bucket> => {
  const last = merge * bucketCount
  const { data } = useQuery({
    queryKey: ["strip", project, agent, step, last],
    queryFn: ({ signal }) =>
      send("statistics", { path: { project }, query: { step, last, agent_id: agent }, signal }),
    refetchInterval: 60_000,
  })
  return useMemo(() => bucketsOf(data?.periods ?? [], { merge, step }, now), [data, merge, now, step])
}

const places = [0, 1, 2, 3, 4]

const Axis = ({
  scale,
  start,
  width,
}: {
  readonly scale: StripScale
  readonly start: number
  readonly width: number
}) => (
  <div aria-hidden className="relative h-4">
    {places.map((place) => (
      <span
        key={place}
        className={`absolute ${place === 0 ? "" : "-translate-x-1/2"}`}
        style={{ left: `${(place / places.length) * 100}%` }}
      >
        {axisWords(start + (place / places.length) * width, scale)}
      </span>
    ))}
    <span className="absolute right-0">now</span>
  </div>
)

const countWords = ({ failed, submitted }: Pick<Bucket, "failed" | "submitted">): string =>
  `${integer(submitted)} submitted, ${integer(failed)} failed`

interface Props {
  readonly project: string
  readonly filter: RunFilter
  readonly onChange: (range: Range) => void
}

export const TimeStrip = ({ filter, onChange, project }: Props) => {
  const tick = useNow()
  const range = { from: instantOf(filter.from, tick), to: instantOf(filter.to, tick) }
  const scale = scaleFor(range.from, tick)
  // The strip moves on by whole buckets.
  const now = Math.floor(tick / bucketMillis(scale)) * bucketMillis(scale)
  const domain = domainOf(scale, now)
  const buckets = useBuckets(project, filter.agent, scale, now)
  const [pointed, setPointed] = useState<number>()
  const bucket = pointed === undefined ? undefined : buckets[pointed]
  const total = {
    submitted: buckets.reduce((sum, { submitted }) => sum + submitted, 0),
    failed: buckets.reduce((sum, { failed }) => sum + failed, 0),
  }
  const span =
    scale.step === "hour" ? "14 days" : plural(Math.round((bucketCount * scale.merge) / 60), "hour")
  return (
    <div className="px-4 pt-2.5 pb-2 text-micro text-ink-3 max-desk:hidden">
      <div
        className="relative h-10"
        onPointerMove={({ clientX, currentTarget }) => {
          const { left, width } = currentTarget.getBoundingClientRect()
          setPointed(Math.floor(((clientX - left) / width) * bucketCount))
        }}
        onPointerLeave={() => setPointed(undefined)}
      >
        <StripBars buckets={buckets} label={`Runs of the last ${span}: ${countWords(total)}`} />
        <StripBrush
          brush={brushOf(range, domain)}
          wordsAt={(share) => {
            const at = domain.start + share * (domain.end - domain.start)
            return share >= 1 ? "now" : bucketWords(at, scale)
          }}
          onChange={(brush) => onChange(rangeOf(brush, domain))}
          onReset={() => onChange({ from: undefined, to: undefined })}
        />
      </div>
      <div className="mt-0.5">
        {bucket === undefined ? (
          <Axis scale={scale} start={domain.start} width={domain.end - domain.start} />
        ) : (
          <p className="h-4 text-ink-2">
            <b className="font-medium text-ink">{bucketWords(bucket.start, scale)}</b> {countWords(bucket)}
          </p>
        )}
      </div>
    </div>
  )
}
