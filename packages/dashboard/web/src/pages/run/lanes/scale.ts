/** The time axis: instants to pixels and back, with the long idle times folded away. */
import { clock } from "../../../format/times"

export interface Span {
  readonly from: number
  readonly to: number
}

/** A time that is folded to `breakWidth`. */
export interface Break extends Span {
  readonly x: number
}

export interface Scale {
  readonly width: number
  readonly from: number
  readonly to: number
  readonly breaks: ReadonlyArray<Break>
  readonly x: (instant: number) => number
  readonly instant: (x: number) => number
}

export const breakWidth = 24
/** Idle for longer is folded. */
const longest = 600_000

const merged = (spans: ReadonlyArray<Span>): ReadonlyArray<Span> => {
  const sorted = spans.filter(({ from, to }) => to >= from).toSorted((a, b) => a.from - b.from)
  const all: Array<{ from: number; to: number }> = []
  for (const { from, to } of sorted) {
    const last = all.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else all.push({ from, to })
  }
  return all
}

/** The idle times of more than 10 minutes in a span, without a little at each side of them. */
export const longIdles = (owned: ReadonlyArray<Span>, { from, to }: Span): ReadonlyArray<Span> => {
  const all = merged(owned)
  const sum = all.reduce((total, span) => total + span.to - span.from, 0)
  const margin = Math.min(30_000, Math.max(1000, sum * 0.04))
  const edges = [from, ...all.flatMap((span) => [span.from, span.to]), to]
  const idle: Array<Span> = []
  for (let index = 0; index < edges.length; index += 2) {
    const [start, end] = [edges[index]!, edges[index + 1]!]
    if (end - start > longest) idle.push({ from: start + margin, to: end - margin })
  }
  return idle
}

/** The axis grows by this factor when what it shows no longer fits. */
const growth = 1.1

/** The range of a scale for a run that lasts until `last`: room for the remaining lease, and steps so that it seldom moves. */
export const domainOf = (
  { from, to }: Span,
  {
    idle,
    isLive,
    room,
  }: { readonly idle: ReadonlyArray<Span>; readonly isLive: boolean; readonly room: number },
): Span => {
  const shown = Math.max(1000, to - from - idle.reduce((sum, span) => sum + span.to - span.from, 0))
  if (!isLive) return { from, to: to + shown * 0.04 }
  const needed = shown + Math.max(room, shown * 0.04)
  const step = Math.ceil(Math.log(needed / 20_000) / Math.log(growth))
  return { from, to: to + Math.max(needed, 20_000 * growth ** step) - shown }
}

/** A scale of that width. Breaks outside of the span are left out. */
export const makeScale = ({ from, to }: Span, idle: ReadonlyArray<Span>, width: number): Scale => {
  const inside = idle
    .map((span) => ({ from: Math.max(span.from, from), to: Math.min(span.to, to) }))
    .filter((span) => span.to > span.from)
  const folded = inside.reduce((sum, span) => sum + span.to - span.from, 0)
  const rate = Math.max(1, width - inside.length * breakWidth) / Math.max(1, to - from - folded)
  const breaks: Array<Break> = []
  let x = 0
  let at = from
  for (const span of inside) {
    x += (span.from - at) * rate
    breaks.push({ ...span, x })
    x += breakWidth
    at = span.to
  }
  const toX = (instant: number): number => {
    let start = from
    let offset = 0
    for (const one of breaks) {
      if (instant < one.from) break
      if (instant < one.to) return one.x + ((instant - one.from) / (one.to - one.from)) * breakWidth
      start = one.to
      offset = one.x + breakWidth
    }
    return offset + (instant - start) * rate
  }
  const toInstant = (position: number): number => {
    let start = from
    let offset = 0
    for (const one of breaks) {
      if (position < one.x) break
      if (position < one.x + breakWidth)
        return one.from + ((position - one.x) / breakWidth) * (one.to - one.from)
      start = one.to
      offset = one.x + breakWidth
    }
    return start + (position - offset) / rate
  }
  return { width, from, to, breaks, x: toX, instant: toInstant }
}

export interface AxisTick {
  readonly x: number
  readonly label: string
}

const [second, minute, hour] = [1000, 60_000, 3_600_000]
const steps = [1, 2, 5, 10, 15, 30]
  .map((n) => n * second)
  .concat([1, 2, 5, 10, 15, 30].map((n) => n * minute))
  .concat([1, 2, 3, 6, 12, 24, 48, 168].map((n) => n * hour))

const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" })

const labelOf = (instant: number, step: number): string =>
  step < minute ? clock(instant) : step >= 12 * hour ? day.format(instant) : clock(instant).slice(0, 5)

/** The instants that the axis names, at least `apart` pixels from each other. None is at `now`, or at a break. */
export const axisTicks = (scale: Scale, apart: number, now: number | null): ReadonlyArray<AxisTick> => {
  const shown = scale.to - scale.from - scale.breaks.reduce((sum, one) => sum + one.to - one.from, 0)
  const rate = Math.max(1, scale.width - scale.breaks.length * breakWidth) / shown
  const step = steps.find((one) => one * rate >= apart) ?? steps.at(-1)!
  const offset = new Date(scale.from).getTimezoneOffset() * minute
  const ticks: Array<AxisTick> = []
  const occupied = [...(now === null ? [] : [now]), ...scale.breaks.map(({ x }) => x + breakWidth / 2)]
  const free: Array<Span> = []
  let start = scale.from
  for (const one of scale.breaks) {
    free.push({ from: start, to: one.from })
    start = one.to
  }
  free.push({ from: start, to: scale.to })
  for (const { from, to } of free) {
    for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) {
      const x = scale.x(at)
      const isFree = occupied.every((other) => Math.abs(x - other) > apart * 0.75)
      if (isFree && x >= 16 && x <= scale.width - 16 && x - (ticks.at(-1)?.x ?? -apart) >= apart * 0.75) {
        ticks.push({ x, label: labelOf(at, step) })
      }
    }
  }
  return ticks
}
