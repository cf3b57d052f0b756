/** What the lanes are drawn of, in pixels. */
import type * as Json from "@runlease/http/Json"
import type { Scale } from "./scale"
import type { Segment } from "./segments"

export const lane = 24

export type Row =
  | { readonly kind: "idle" }
  | { readonly kind: "claim"; readonly number: number; readonly worker: string; readonly attempt: number }
  | { readonly kind: "worker"; readonly worker: string; readonly claims: number }
  | { readonly kind: "steps"; readonly count: number }
  | { readonly kind: "child"; readonly child: Json.RunSummary }
  /** A child that is not read yet. */
  | { readonly kind: "room" }

export type BarLook =
  | "queue"
  | "wait"
  | "past"
  | "live"
  | "left"
  | "loss"
  | "step"
  | "broken"
  | "failed"
  | "child"
  | "childWait"

export interface Bar {
  readonly look: BarLook
  readonly row: number
  readonly x: number
  readonly width: number
}

export interface Link {
  readonly x: number
  readonly y1: number
  readonly y2: number
  readonly dashed: boolean
}

export interface Mark {
  readonly row: number
  readonly x: number
}

/** Where a segment can be pointed at. */
export interface Hit extends Mark {
  readonly width: number
  readonly segment: Segment
}

/** What a drawing is made of, while it is being made. */
export interface Drawing {
  readonly scale: Scale
  readonly rows: ReadonlyArray<Row>
  readonly bars: Array<Bar>
  readonly links: Array<Link>
  readonly caps: Array<Mark & { readonly look: "past" | "live" | "child" }>
  readonly ticks: Array<Mark & { readonly isLive: boolean }>
  readonly losses: Array<Mark>
  readonly reads: Array<Hit>
  readonly hits: Array<Hit>
  readonly stepHits: Array<Hit>
}

/** A span on the axis, cut at its ends; undefined where nothing of it is shown. */
export const placed = (
  scale: Scale,
  from: number,
  to: number,
): { readonly x: number; readonly width: number } | undefined => {
  if (to < scale.from || from > scale.to) return undefined
  const x = Math.max(0, scale.x(from))
  return { x, width: Math.max(0, Math.min(scale.width, scale.x(to)) - x) }
}

export const isOn = (scale: Scale, instant: number): boolean => instant >= scale.from && instant <= scale.to
