/**
 * The times of schedules, compared with a search minute by minute around every change of twelve zones, of which a commit takes two.
 */
import { describe, expect, it } from "@effect/vitest"
import * as CronTime from "@runlease/store/CronTime"
import { CronExpressionParser } from "cron-parser"
import { DateTime, Either, FastCheck } from "effect"
import * as Searches from "../../testkit/test/Searches.js"

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const zones = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Africa/Cairo",
  "Africa/Casablanca",
  "America/Santiago",
  "America/St_Johns",
  "Asia/Kolkata",
  "Europe/Dublin",
  "Pacific/Chatham",
  "America/Havana",
  "Asia/Beirut",
]

const timesOf = (schedule: string, timezone = "UTC", bounds: { startsAt?: string; endsAt?: string } = {}) =>
  CronTime.parse({
    schedule,
    timezone,
    startsAt: bounds.startsAt === undefined ? null : DateTime.unsafeMake(bounds.startsAt),
    endsAt: bounds.endsAt === undefined ? null : DateTime.unsafeMake(bounds.endsAt),
  })

const parsed = (...of: Parameters<typeof timesOf>) => Either.getOrThrow(timesOf(...of))

const upcoming = (time: CronTime.CronTime, from: string, count: number) =>
  CronTime.upcoming(time, Date.parse(from), count).map((tick) => new Date(tick).toISOString())

const problem = (...of: Parameters<typeof timesOf>) => Either.getOrThrow(Either.flip(timesOf(...of)))

/** The local time of an instant by `Intl`, as milliseconds of a UTC that reads the same. */
const localOf = (timezone: string) => {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: timezone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  })
  return (instant: number): number => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]))
    return Date.UTC(+part["year"]!, +part["month"]! - 1, +part["day"]!, +part["hour"]!, +part["minute"]!)
  }
}

/** The instants in which the offset of a zone changes, to the minute. */
const changesOf = (local: (instant: number) => number, years: readonly [number, number]) => {
  const offset = (instant: number) => local(instant) - instant
  const changes: Array<number> = []
  for (let low = Date.UTC(years[0], 0, 1); low < Date.UTC(years[1], 0, 1); low += day) {
    if (offset(low) === offset(low + day)) continue
    let [from, to] = [low, low + day]
    while (to - from > minute) {
      const middle = from + Math.floor((to - from) / 2 / minute) * minute
      if (offset(middle) === offset(low)) from = middle
      else to = middle
    }
    changes.push(to)
  }
  return changes
}

const found = new Map<string, ReadonlyArray<number>>()

const changesBetween2024And2030 = (zone: string): ReadonlyArray<number> => {
  const changes = found.get(zone) ?? changesOf(localOf(zone), [2024, 2031])
  found.set(zone, changes)
  return changes
}

interface Fields {
  readonly text: string
  readonly minutes: ReadonlyArray<number>
  readonly hours: ReadonlyArray<number> | "*"
}

const schedules: ReadonlyArray<Fields> = [
  { text: "* * * * *", minutes: Array.from({ length: 60 }, (_, index) => index), hours: "*" },
  { text: "*/15 * * * *", minutes: [0, 15, 30, 45], hours: "*" },
  { text: "0 * * * *", minutes: [0], hours: "*" },
  { text: "30 2 * * *", minutes: [30], hours: [2] },
  { text: "0,30 0-3 * * *", minutes: [0, 30], hours: [0, 1, 2, 3] },
  { text: "59 23 * * *", minutes: [59], hours: [23] },
  { text: "0 0 * * *", minutes: [0], hours: [0] },
]

/** The ticks of `from` to `to`, found minute by minute. */
const searched = (
  { hours, minutes }: Fields,
  local: (instant: number) => number,
  [from, to]: readonly [number, number],
): ReadonlyArray<number> => {
  const found = new Set<number>()
  const seen = new Set<number>()
  const matches = (at: number) =>
    minutes.includes(new Date(at).getUTCMinutes()) &&
    (hours === "*" || hours.includes(new Date(at).getUTCHours()))
  let before = local(from - minute)
  for (let instant = from; instant <= to; instant += minute) {
    const at = local(instant)
    if (hours === "*") {
      if (matches(at)) found.add(instant)
    } else {
      // The local times that the clock skips here move on by the gap.
      const gap = at - before - minute
      for (let skipped = before + minute; skipped < at; skipped += minute) {
        if (matches(skipped)) found.add(instant + (skipped - (at - gap)))
      }
      if (matches(at) && !seen.has(at)) found.add(instant)
      seen.add(at)
    }
    before = at
  }
  return [...found].filter((instant) => instant <= to).sort((a, b) => a - b)
}

describe("CronTime", () => {
  it.each(Searches.chosen(zones))(
    "agrees with a search minute by minute around the changes of %s",
    (zone) => {
      const read = localOf(zone)
      const locals = new Map<number, number>()
      const local = (instant: number): number => {
        const at = locals.get(instant) ?? read(instant)
        locals.set(instant, at)
        return at
      }
      const changes = changesBetween2024And2030(zone)
      const around = changes.length === 0 ? [Date.UTC(2026, 2, 29)] : changes
      for (const change of around) {
        const from = change - 4 * hour
        const to = change + 4 * hour
        for (const fields of schedules) {
          const time = parsed(fields.text, zone)
          const found: Array<number> = []
          for (let tick = time.next(from - minute); tick !== null && tick <= to; tick = time.next(tick)) {
            found.push(tick)
          }
          const iso = (ticks: ReadonlyArray<number>) => ticks.map((tick) => new Date(tick).toISOString())
          expect(iso(found), `${fields.text} in ${zone} around ${new Date(change).toISOString()}`).toEqual(
            iso(searched(fields, local, [from, to])),
          )
        }
      }
    },
  )

  // Where a change is by half an hour, or at a quarter to an hour, cron-parser loses ticks and gives others again.
  const wholeHours = zones.filter((zone) => zone !== "Australia/Lord_Howe" && zone !== "Pacific/Chatham")

  it.each(Searches.chosen(wholeHours))("agrees with cron-parser around the changes of %s", (zone) => {
    for (const change of changesBetween2024And2030(zone)) {
      for (const text of [
        "* * * * *",
        "*/15 * * * *",
        "0 * * * *",
        "59 23 * * *",
        "15 4 * * 0",
        "0 12 1 * *",
      ]) {
        const from = change - 8 * hour
        const time = parsed(text, zone)
        const other = CronExpressionParser.parse(text, { tz: zone, currentDate: new Date(from) })
        const theirs = Array.from({ length: 40 }, () => other.next().toDate().toISOString())
        const ours = CronTime.upcoming(time, from, 40).map((tick) => new Date(tick).toISOString())
        expect(ours, `${text} in ${zone} around ${new Date(change).toISOString()}`).toEqual(theirs)
      }
    }
  })

  it("begins strictly after any instant, and at the first tick after it", () => {
    const property = FastCheck.property(
      FastCheck.constantFrom(...zones),
      FastCheck.constantFrom(
        "* * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "0 0 1 * *",
        "15 1-3 * * 0",
        "every 90s",
      ),
      FastCheck.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2030, 0, 1) }),
      FastCheck.integer({ min: 0, max: 3 * day }),
      (zone, schedule, after, later) => {
        const time = parsed(schedule, zone)
        const next = time.next(after)!
        const second = time.next(after + later)!
        // No instant between the two has a tick of its own, and none is given twice.
        return (
          next > after && (after + later < next ? second === next : second > after + later && second > next)
        )
      },
    )
    expect(FastCheck.check(property, { numRuns: 300 }).counterexample).toBeNull()
  })

  it("runs in both passes of the autumn hour where every hour has the tick, and once where one hour has it", () => {
    const zone = "Europe/Berlin"
    expect(upcoming(parsed("*/30 * * * *", zone), "2026-10-24T23:59:00Z", 5)).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-10-25T00:30:00.000Z",
      "2026-10-25T01:00:00.000Z",
      "2026-10-25T01:30:00.000Z",
      "2026-10-25T02:00:00.000Z",
    ])
    expect(upcoming(parsed("30 2 * * *", zone), "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ])
  })

  it("moves a local time of the spring gap on by the gap, and counts two that fall together once", () => {
    expect(upcoming(parsed("30 2,3 * * *", "Europe/Berlin"), "2026-03-28T12:00:00Z", 2)).toEqual([
      "2026-03-29T01:30:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ])
  })

  it("matches the day of the month or the day of the week, and both where one begins with *", () => {
    expect(upcoming(parsed("0 0 13 * 5"), "2026-01-31T00:00:00Z", 3)).toEqual([
      "2026-02-06T00:00:00.000Z",
      "2026-02-13T00:00:00.000Z",
      "2026-02-20T00:00:00.000Z",
    ])
    expect(upcoming(parsed("0 0 */2 * 5"), "2026-01-31T00:00:00Z", 2)).toEqual([
      "2026-02-13T00:00:00.000Z",
      "2026-02-27T00:00:00.000Z",
    ])
    expect(upcoming(parsed("0 0 29 2 *"), "2097-01-01T00:00:00Z", 1)).toEqual(["2104-02-29T00:00:00.000Z"])
  })

  it("counts an interval from its start, and ends at its end", () => {
    const bounds = { startsAt: "2026-01-01T00:00:10Z", endsAt: "2026-01-01T00:03:10Z" }
    const time = parsed("every 90s", "UTC", bounds)
    expect(upcoming(time, "2025-01-01T00:00:00Z", 9)).toEqual([
      "2026-01-01T00:00:10.000Z",
      "2026-01-01T00:01:40.000Z",
      "2026-01-01T00:03:10.000Z",
    ])
  })

  it.each([
    ["* * * * * *", "UTC", "schedule", "five fields"],
    ["@daily", "UTC", "schedule", "five fields"],
    ["61 * * * *", "UTC", "schedule", "between 0 and 59"],
    ["5-1 * * * *", "UTC", "schedule", "range"],
    ["*/0 * * * *", "UTC", "schedule", "greater than 0"],
    ["0 0 L * *", "UTC", "schedule", "integer"],
    ["every 0s", "UTC", "schedule", "1 second to 366 days"],
    ["every fortnight", "UTC", "schedule", "such as every 90s"],
    ["0 9 * * *", "Mars/Base", "timezone", "Europe/Berlin"],
    ["0 9 * * *", "+01:00", "timezone", "Europe/Berlin"],
  ])("refuses %s in %s and says what would be right", (schedule, zone, field, text) => {
    const error = problem(schedule, zone)
    expect(error.field).toBe(field)
    expect(error.message).toContain(text)
  })

  it.each(["0 0 30 2 *", "0 0 31 4,6 *"])("refuses %s, which never comes", (schedule) => {
    const spec = { schedule, timezone: "Europe/Berlin", startsAt: null, endsAt: null }
    const error = Either.getOrThrow(Either.flip(CronTime.parseComing(spec, Date.UTC(2026, 0, 1))))
    expect(error.field).toBe("schedule")
  })
})
