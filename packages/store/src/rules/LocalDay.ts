/**
 * The instants of the local times of one day in a time zone.
 *
 * A local time that a zone skips in spring moves on by the gap. A local time that comes twice in autumn is its first pass, unless a
 * schedule runs in every hour: then it is both, and no local time of the gap moves.
 *
 * Source: docs/decisions/0100-schedules.md
 */
import { DateTime } from "effect"

const minute = 60_000
const hour = 60 * minute

/** The length of a day of the calendar, in milliseconds. */
export const day = 24 * hour

/** The offset of a zone's local time from UTC at an instant, in milliseconds. */
type OffsetAt = (instant: number) => number

/** From `start` until `end`, a zone's local time is UTC and `offset`. */
interface Span {
  readonly start: number
  readonly end: number
  readonly offset: number
}

/** The first minute from `low` on with another offset than that of `low`; `high` has another one. */
const changeBetween = (offsetAt: OffsetAt, low: number, high: number): number => {
  const before = offsetAt(low)
  while (high - low > minute) {
    const middle = low + Math.floor((high - low) / 2 / minute) * minute
    if (offsetAt(middle) === before) low = middle
    else high = middle
  }
  return high
}

/** An offset stays for half a day at least. */
const step = 12 * hour

/** The spans that together reach from `from` until `until`, both whole minutes. */
const spansBetween = (offsetAt: OffsetAt, from: number, until: number): ReadonlyArray<Span> => {
  const spans: Array<Span> = []
  let start = from
  let offset = offsetAt(from)
  for (let low = from; low < until; low += step) {
    const high = Math.min(low + step, until)
    const next = offsetAt(high)
    if (next === offset) continue
    const end = changeBetween(offsetAt, low, high)
    spans.push({ start, end, offset })
    start = end
    offset = next
  }
  spans.push({ start, end: until, offset })
  return spans
}

/** Local times differ from UTC by less than this. */
const margin = 16 * hour

/** The days of a schedule of cron, and the local times of each. */
export interface DayTimes {
  readonly isOn: (date: Date) => boolean
  /** Minutes of the day, in their order. */
  readonly times: ReadonlyArray<number>
  /** Whether every hour of the day has the same times. */
  readonly everyHour: boolean
}

/**
 * The ticks of a day, in their order. `exact`: the day has no gap, so no tick of it is after the first of the next day.
 */
interface Day {
  readonly ticks: ReadonlyArray<number>
  readonly exact: boolean
}

/** `dayStart` names a day: its midnight as if its local time were UTC. */
const ticksOn = (offsetAt: OffsetAt, { everyHour, times }: DayTimes, dayStart: number): Day => {
  const spans = spansBetween(offsetAt, dayStart - margin, dayStart + day + margin)
  const [only] = spans
  if (spans.length === 1 && only !== undefined) {
    return { ticks: times.map((time) => dayStart + time * minute - only.offset), exact: true }
  }
  const ticks = new Set<number>()
  for (const time of times) {
    const local = dayStart + time * minute
    const passes = spans.filter(({ end, offset, start }) => local - offset >= start && local - offset < end)
    if (passes.length > 0) {
      for (const { offset } of everyHour ? passes : passes.slice(0, 1)) ticks.add(local - offset)
    } else if (!everyHour) {
      // The gap is after the last span that ends before this local time.
      const before = spans.findLast(({ end, offset }) => local - offset >= end)
      if (before !== undefined) ticks.add(local - before.offset)
    }
  }
  return { ticks: [...ticks].sort((a, b) => a - b), exact: false }
}

/** A 29th of February comes within 8 years. */
const horizon = 9 * 366

/** One tick after the other is computed, and each may look at three days. */
const remembered = 3

/**
 * The first tick strictly after an instant, both in milliseconds since the epoch; null where none comes within nine years. The days that were
 * computed last are remembered.
 */
export const make = (zone: DateTime.TimeZone, dayTimes: DayTimes): ((after: number) => number | null) => {
  const offsetAt: OffsetAt = (instant) =>
    DateTime.zonedOffset(DateTime.unsafeMakeZoned(instant, { timeZone: zone }))
  const days = new Map<number, Day>()
  const dayOf = (start: number): Day => {
    const before = days.get(start)
    if (before !== undefined) return before
    const [oldest] = days.keys()
    if (days.size === remembered && oldest !== undefined) days.delete(oldest)
    const made = ticksOn(offsetAt, dayTimes, start)
    days.set(start, made)
    return made
  }
  return (after) => {
    // A time of the day before may have moved into this day.
    const before = Math.floor((after + offsetAt(after)) / day) - 1
    let found: number | undefined
    for (let index = before; index < before + horizon; index += 1) {
      const start = index * day
      if (!dayTimes.isOn(new Date(start))) {
        if (found !== undefined) return found
        continue
      }
      const { exact, ticks } = dayOf(start)
      const tick = ticks.find((candidate) => candidate > after)
      if (found !== undefined) return tick === undefined ? found : Math.min(found, tick)
      if (tick !== undefined && exact) return tick
      found = tick
    }
    return found ?? null
  }
}
