/** The labels of the bars of the lanes, where there is room for them. */
import { clock, duration } from "../../../format/times"
import { listed } from "../model/waits"
import type { Layout } from "./layout"
import { type Hit, lane } from "./drawing"
import { breakWidth } from "./scale"
import type { Segment } from "./segments"

export type Tone = "dim" | "waiting" | "failed" | "running"

export interface Label {
  readonly id: string
  readonly row: number
  readonly x: number
  readonly side: "left" | "right" | "inside"
  readonly text: string
  readonly tone: Tone
}

type Text = readonly [text: string, tone: Tone]

const endWords: Readonly<Record<string, string>> = {
  suspended: "handed back: waits",
  waiting: "handed back: waits",
  released: "handed back",
  retry: "handed back: tries again",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
}

/** What the log calls a wait for nothing but its time. */
const sleep = "its time"

/** `waited for a child`, `waits for you`, `slept` */
export const idleWords = (segment: Segment & { readonly kind: "idle" }): string => {
  const { idle, place, reasons } = segment
  if (reasons.length === 1 && reasons[0] === sleep) return "slept"
  if (idle.kind === "queue") return idle.isNow ? (place ?? "pending") : "in the queue"
  const verb = idle.isNow ? "waits" : "waited"
  return reasons.length === 0 ? verb : `${verb} for ${listed(reasons)}`
}

/** In whole seconds, since it counts each second. */
export const leaseLeft = (millis: number): string =>
  duration(Math.max(0, Math.ceil(millis / 1000)) * 1000).replace(/^0 ms$/, "0 s")

const textOf = (segment: Segment, now: number): Text | undefined => {
  switch (segment.kind) {
    case "idle": {
      const { idle } = segment
      const took = segment.to - segment.from
      if (idle.kind === "queue" && took < 10_000) return undefined
      return [
        `${idleWords(segment)}, ${duration(took)}`,
        idle.kind === "wait" && idle.isNow ? "waiting" : "dim",
      ]
    }
    case "loss":
      return [`lost at ${clock(segment.to)}`, "failed"]
    case "claim": {
      const { claim, isLive, leaseTo, lossTo } = segment.span
      if (isLive)
        return leaseTo === null ? undefined : [`${leaseLeft(leaseTo - now)} of lease left`, "running"]
      const word = lossTo === null ? endWords[claim.ended ?? ""] : undefined
      return word === undefined ? undefined : [word, claim.ended === "failed" ? "failed" : "dim"]
    }
    case "child": {
      const { child, spans } = segment
      const leaseTo = spans.at(-1)?.leaseTo ?? null
      if (leaseTo !== null) return [`running, ${leaseLeft(leaseTo - now)} of lease left`, "running"]
      return [
        child.status,
        child.status === "waiting" ? "waiting" : child.status === "failed" ? "failed" : "dim",
      ]
    }
    default:
      return undefined
  }
}

/** Of digits and small letters at 11 px. */
const letter = 5.7
const space = 8

/** What else is drawn in a row, at which pixels: bars, and connectors that cross it. */
const occupied = (layout: Layout, row: number): ReadonlyArray<readonly [number, number]> => [
  ...layout.bars
    .filter((bar) => bar.row === row && bar.look !== "queue" && bar.look !== "childWait")
    .map(({ width, x }) => [x, x + width] as const),
  ...layout.scale.breaks.map(({ x }) => [x, x + breakWidth] as const),
  ...layout.links
    .filter(({ y1, y2 }) => y1 < row * lane + 18 && y2 > row * lane + 6)
    .map(({ x }) => [x - 1, x + 1] as const),
]

const labelOf = (layout: Layout, { row, segment, width, x }: Hit, now: number): Label | undefined => {
  const text = textOf(segment, now)
  if (text === undefined) return undefined
  const needed = text[0].length * letter + space * 2
  const bars = occupied(layout, row)
  // The remaining lease and a loss belong to the bar before them.
  const end = bars.reduce((far, [from, to]) => (from <= far + 1 && to > far ? to : far), x + width)
  const isFree = (from: number, to: number) =>
    from >= 0 &&
    to <= layout.scale.width &&
    bars.every(([start, stop]) => stop <= from + 1 || start >= to - 1)
  const isHeld = segment.kind === "claim" && segment.span.lossTo !== null
  if (isHeld) return undefined
  const isClear = layout.nowX === null || end + space > layout.nowX || end + needed < layout.nowX
  const common = { id: segment.id, row, text: text[0], tone: text[1] }
  if (isClear && isFree(end, end + needed))
    return { ...common, x: end + space + (segment.kind === "loss" ? 6 : 0), side: "right" }
  if (isFree(x - needed, x)) return { ...common, x: x - space, side: "left" }
  const isRoomy = segment.kind === "idle" && segment.idle.kind === "wait" && width > needed + 2 * space
  return isRoomy ? { ...common, x: x + 2 * space, side: "inside" } : undefined
}

const extentOf = ({ side, text, x }: Label): readonly [number, number] =>
  side === "left" ? [x - text.length * letter, x] : [x, x + text.length * letter]

/** The labels that are drawn first where there is no room for all. */
const weightOf = (segment: Segment): number =>
  segment.kind === "loss" || segment.kind === "child"
    ? 2
    : segment.kind === "idle" && segment.idle.isNow
      ? 3
      : 1

export const labelsOf = (layout: Layout, now: number): ReadonlyArray<Label> => {
  const labels: Array<Label> = []
  for (const hit of layout.hits.toSorted((a, b) => weightOf(b.segment) - weightOf(a.segment))) {
    const label = labelOf(layout, hit, now)
    const isTaken =
      label === undefined ||
      labels.some((other) => {
        const [from, to] = extentOf(label)
        const [start, end] = extentOf(other)
        return other.row === label.row && from < end + space && start < to + space
      })
    if (!isTaken) labels.push(label)
  }
  return labels
}
