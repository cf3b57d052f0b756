/**
 * The times of a schedule, as a pure function of its text and its time zone.
 *
 * `Cron` of Effect reads the fields. It does not compute the times: in the hour that autumn repeats it returns instants of the past, and
 * loses others.
 *
 * Source: docs/decisions/0100-schedules.md
 */
import type { ScheduleSpec } from "@runlease/core/Schedule"
import { InvalidSchedule } from "@runlease/core/Schedules"
import { Cron, DateTime, Either, Option } from "effect"

// The instants of the local times of one day in a time zone.
//
// A local time that a zone skips in spring moves on by the gap. A local time that comes twice in autumn is its first pass, unless a
// schedule runs in every hour: then it is both, and no local time of the gap moves.
//
// Source: docs/decisions/0100-schedules.md

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
interface DayTimes {
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

/** The times of a schedule, ready to be computed with. */
export interface CronTime {
  /** The first tick strictly after an instant, in milliseconds since the epoch; null where none comes. */
  readonly next: (after: number) => number | null
}

const refuse = (field: string, message: string) => Either.left(new InvalidSchedule({ field, message }))

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const longest = 366 * day

const interval = /^every\s+(\d{1,9})\s*([smhd])$/

/** The phase of an interval is `startsAt`, so that an edit does not shift it. */
const ofInterval = (text: string, phase: number): Either.Either<CronTime, InvalidSchedule> => {
  const [, amount, unit] = interval.exec(text) ?? []
  if (amount === undefined || unit === undefined) {
    return refuse("schedule", "an interval must be a whole number and one of s, m, h, d, such as every 90s")
  }
  const length = Number(amount) * units[unit]!
  if (length === 0 || length > longest) return refuse("schedule", "an interval must be 1 second to 366 days")
  return Either.right({ next: (after) => phase + (Math.floor((after - phase) / length) + 1) * length })
}

const range = (size: number): ReadonlyArray<number> => Array.from({ length: size }, (_, index) => index)

/** The values of a field, all of them where it has no restriction. */
const valuesOf = (values: ReadonlySet<number>, size: number): ReadonlyArray<number> =>
  values.size === 0 ? range(size) : [...values].sort((a, b) => a - b)

/** `both`: a day must match the day of the month and the day of the week, since one of the two fields begins with `*`; otherwise either. */
const isOn = ({ days, months, weekdays }: Cron.Cron, both: boolean): DayTimes["isOn"] => {
  const isDay = (date: Date) => days.has(date.getUTCDate())
  const isWeekday = (date: Date) => weekdays.has(date.getUTCDay())
  return (date) => {
    if (months.size > 0 && !months.has(date.getUTCMonth() + 1)) return false
    if (days.size === 0) return weekdays.size === 0 || isWeekday(date)
    if (weekdays.size === 0) return isDay(date)
    return both ? isDay(date) && isWeekday(date) : isDay(date) || isWeekday(date)
  }
}

const ofCron = (text: string, zone: DateTime.TimeZone): Either.Either<CronTime, InvalidSchedule> => {
  const parts = text.split(/\s+/)
  if (parts.length !== 5) {
    return refuse(
      "schedule",
      `cron must have five fields (minute, hour, day of the month, month, day of the week), not ${parts.length}; or an interval, such as every 90s`,
    )
  }
  return Either.flatMap(
    Either.mapLeft(
      Cron.parse(text),
      (error) => new InvalidSchedule({ field: "schedule", message: `${error.message}: ${error.input}` }),
    ),
    (cron) => {
      const hours = valuesOf(cron.hours, 24)
      const minutes = valuesOf(cron.minutes, 60)
      const day: DayTimes = {
        isOn: isOn(cron, parts[2]!.startsWith("*") || parts[4]!.startsWith("*")),
        times: hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute)),
        everyHour: hours.length === 24,
      }
      return Either.right({ next: make(zone, day) })
    },
  )
}

const within = (time: CronTime, { endsAt, startsAt }: ScheduleSpec): CronTime => {
  const first = startsAt === null ? Number.NEGATIVE_INFINITY : DateTime.toEpochMillis(startsAt)
  const last = endsAt === null ? Number.POSITIVE_INFINITY : DateTime.toEpochMillis(endsAt)
  return {
    next: (after) => {
      const next = time.next(Math.max(after, first - 1))
      return next === null || next > last ? null : next
    },
  }
}

/** Reads the times of a schedule; a Left names the field and says what would be right. */
export const parse = (spec: ScheduleSpec): Either.Either<CronTime, InvalidSchedule> => {
  const zone = DateTime.zoneMakeNamed(spec.timezone)
  // An offset such as +01:00 has no summer.
  if (Option.isNone(zone) || !/^[A-Za-z]/.test(spec.timezone)) {
    return refuse(
      "timezone",
      `${JSON.stringify(spec.timezone)} is no time zone; name one such as Europe/Berlin or UTC`,
    )
  }
  const text = spec.schedule.trim()
  const phase = spec.startsAt === null ? 0 : DateTime.toEpochMillis(spec.startsAt)
  return Either.map(text.startsWith("every") ? ofInterval(text, phase) : ofCron(text, zone.value), (time) =>
    within(time, spec),
  )
}

/** The next ticks after an instant, `count` at most. */
export const upcoming = ({ next }: CronTime, after: number, count: number): ReadonlyArray<number> => {
  const ticks: Array<number> = []
  for (let tick = next(after); tick !== null && ticks.length < count; tick = next(tick)) ticks.push(tick)
  return ticks
}

/** Reads the times of a schedule that ticks after `now` at least once. A date that never comes, such as the 30th of February, is refused. */
export const parseComing = (spec: ScheduleSpec, now: number): Either.Either<CronTime, InvalidSchedule> =>
  Either.flatMap(parse(spec), (time) => {
    if (time.next(now) !== null) return Either.right(time)
    return spec.endsAt === null
      ? refuse("schedule", "its date never comes; choose a day that its months have")
      : refuse("endsAt", "no tick comes before it; choose a later end, or leave it out")
  })
