/** When runs were submitted, as the address has it: `24h` for the last 24 hours, or an instant. */

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const units: Readonly<Record<string, number>> = { m: minute, h: hour, d: day }

const lastOf = (value: string): readonly [count: number, unit: string] | undefined => {
  const [, count = "", unit = ""] = /^([1-9][0-9]{0,4})([mhd])$/.exec(value) ?? []
  return unit === "" ? undefined : [Number(count), unit]
}

/** The instant that a bound means now; undefined for what is none. */
export const instantOf = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined
  const last = lastOf(value)
  const instant = last === undefined ? Date.parse(value) : now - last[0] * units[last[1]]!
  return Number.isNaN(instant) ? undefined : instant
}

export interface Range {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

const words: Readonly<Record<string, readonly [one: string, many: string]>> = {
  m: ["minute", "minutes"],
  h: ["hour", "hours"],
  d: ["day", "days"],
}

const two = (value: number): string => String(value).padStart(2, "0")
const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })

export const dayWords = (instant: number): string => dayOf.format(instant)

/** `14:05` */
export const minuteWords = (instant: number): string => {
  const date = new Date(instant)
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}

const isSameDay = (a: number, b: number): boolean => new Date(a).toDateString() === new Date(b).toDateString()

/** `14:05` today, `24 Nov 14:05` on another day */
export const instantWords = (instant: number, now: number): string =>
  isSameDay(instant, now) ? minuteWords(instant) : `${dayWords(instant)} ${minuteWords(instant)}`

/** `last 14 days`, `since 14:05`, `24 Nov 14:00 to 18:00`; undefined for no bounds. */
export const rangeWords = (range: Range, now: number): string | undefined => {
  const last = range.from === undefined || range.to !== undefined ? undefined : lastOf(range.from)
  if (last !== undefined) {
    const [count, unit] = last
    const [one, many] = words[unit]!
    return count === 1 ? `last ${one}` : `last ${count} ${many}`
  }
  const from = instantOf(range.from, now)
  const to = instantOf(range.to, now)
  if (from !== undefined && to !== undefined) {
    const end = isSameDay(from, to) ? minuteWords(to) : instantWords(to, now)
    return `${instantWords(from, now)} to ${end}`
  }
  if (from !== undefined) return `since ${instantWords(from, now)}`
  return to === undefined ? undefined : `before ${instantWords(to, now)}`
}

/** The ranges that the menu of filters has. */
export const lastRanges: ReadonlyArray<string> = ["1h", "24h", "7d", "14d"]
