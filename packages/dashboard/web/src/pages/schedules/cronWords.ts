/** The times of a schedule in words, where the cron is of a common form. */

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const

const two = (value: number): string => String(value).padStart(2, "0")

const listed = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`

/** The numbers of a list such as `9,17`; undefined for any other field. */
const numbersOf = (field: string): ReadonlyArray<number> | undefined =>
  /^\d+(,\d+)*$/.test(field) ? field.split(",").map(Number) : undefined

/** The place of a name of three letters, or of a number. */
const placeIn = (names: ReadonlyArray<string>, first: number, text: string): number | undefined => {
  const named = names.findIndex((name) => name.slice(0, 3).toLowerCase() === text.toLowerCase())
  if (named >= 0) return named
  return /^\d+$/.test(text) ? (Number(text) - first) % names.length : undefined
}

/** `Monday to Friday`, `Mondays and Thursdays`: of a list, or of one range. */
const namesOf = (names: ReadonlyArray<string>, first: number, field: string): string | undefined => {
  const range = /^(\w+)-(\w+)$/.exec(field)
  const places = (range?.slice(1) ?? field.split(",")).map((text) => placeIn(names, first, text))
  const found = places.map((place) => (place === undefined ? undefined : names[place]))
  if (found.some((name) => name === undefined)) return undefined
  const words = found as ReadonlyArray<string>
  return range === null ? listed(words) : words.join(" to ")
}

/** How often within an hour: `every 15 minutes`, `every hour at :30`. */
const withinHours = (minute: string, hour: string): string | undefined => {
  const step = /^\*\/(\d+)$/.exec(minute)?.[1]
  const hours = /^\*\/(\d+)$/.exec(hour)?.[1]
  if (hour === "*") {
    if (minute === "*" || step === "1") return "every minute"
    if (step !== undefined) return `every ${step} minutes`
    const at = numbersOf(minute)
    if (at === undefined) return undefined
    return at.length === 1 && at[0] === 0
      ? "every hour"
      : `every hour at ${listed(at.map((one) => `:${two(one)}`))}`
  }
  const at = numbersOf(minute)
  if (hours === undefined || at?.length !== 1) return undefined
  return `every ${hours} hours${at[0] === 0 ? "" : ` at :${two(at[0]!)}`}`
}

/** `at 09:00 and 17:00` */
const timesOf = (minute: string, hour: string): string | undefined => {
  const [minutes, hours] = [numbersOf(minute), numbersOf(hour)]
  if (minutes?.length !== 1 || hours === undefined || hours.length > 4) return undefined
  return `at ${listed(hours.map((one) => `${two(one)}:${two(minutes[0]!)}`))}`
}

const units: Readonly<Record<string, string>> = { s: "second", m: "minute", h: "hour", d: "day" }

const everyOf = (text: string): string | undefined => {
  const [, count, unit] = /^every\s+(\d+)\s*([smhd])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) return undefined
  return count === "1" ? `every ${units[unit]}` : `every ${count} ${units[unit]}s`
}

/** `Monday to Friday at 02:00`, `every 15 minutes`; undefined where only the text itself says it. */
export const cronWords = (schedule: string): string | undefined => {
  const text = schedule.trim()
  if (text.startsWith("every")) return everyOf(text)
  const [minute, hour, day, month, weekday, ...more] = text.split(/\s+/)
  if (weekday === undefined || more.length > 0) return undefined
  const inHours = withinHours(minute!, hour!)
  const times = inHours === undefined ? timesOf(minute!, hour!) : undefined
  const often = inHours ?? times
  if (often === undefined) return undefined
  const inMonth = month === "*" ? "" : namesOf(months, 1, month!)
  // Day and weekday together match either of them, which no short sentence says.
  if (inMonth === undefined || (day !== "*" && weekday !== "*")) return undefined
  if (day !== "*") {
    const numbers = numbersOf(day!)
    if (numbers === undefined || times === undefined) return undefined
    const which = `day ${listed(numbers.map(String))} of ${inMonth === "" ? "the month" : inMonth}`
    return `${which} ${times}`
  }
  const onDays = weekday === "*" ? "" : namesOf(days, 0, weekday)
  if (onDays === undefined) return undefined
  const during = inMonth === "" ? "" : ` in ${inMonth}`
  if (onDays === "") return times === undefined ? `${often}${during}` : `every day${during} ${times}`
  return times === undefined ? `${often}, ${onDays}${during}` : `${onDays}${during} ${times}`
}

/** Whether the zone matters: an interval is the same in every zone. */
export const hasZone = (schedule: string): boolean => !schedule.trim().startsWith("every")
