import type * as Json from "@runlease/http/Json"
import { laneOf, laneWidth, type LaneSegment } from "./miniLaneShape"
import { useNow } from "./now"

const Segment = ({ segment: { from, kind, to } }: { readonly segment: LaneSegment }) => {
  if (kind === "past" || kind === "live") {
    const fill = kind === "live" ? "var(--running)" : "var(--claimed)"
    return <rect x={from} y={4} width={to - from} height={6} rx={1} fill={fill} />
  }
  const isWait = kind === "wait"
  return (
    <line
      x1={from}
      x2={to}
      y1={7}
      y2={7}
      stroke={isWait ? "var(--waiting)" : "var(--edge)"}
      strokeWidth={isWait ? 2 : 1.5}
      strokeDasharray={isWait ? "2 2" : "1.5 2.5"}
    />
  )
}

const Loss = ({ x }: { readonly x: number }) => {
  const cross = `M${x - 2.5} 4.5l5 5m0-5l-5 5`
  return (
    <>
      <path d={cross} stroke="var(--surface)" strokeWidth={4} />
      <path d={cross} stroke="var(--failed)" strokeWidth={1.6} strokeLinecap="round" />
    </>
  )
}

interface Props {
  readonly run: Json.RunSummary
  readonly width?: number
}

const Lane = ({ now, run, width = laneWidth }: Props & { readonly now: number }) => {
  const { losses, segments, words } = laneOf(run, now, width)
  return (
    <svg width={width} height={14} role="img" aria-label={words} className="block shrink-0">
      <title>{words}</title>
      {segments.map((segment) => (
        <Segment key={`${segment.kind} ${segment.from}`} segment={segment} />
      ))}
      {losses.map((x, index) => (
        <Loss key={index} x={x} />
      ))}
    </svg>
  )
}

const TickingLane = (props: Props) => <Lane {...props} now={useNow()} />

/** The lease of a run, 72 pixels wide. */
export const MiniLane = (props: Props) =>
  props.run.finished_at !== null ? <Lane {...props} now={0} /> : <TickingLane {...props} />
