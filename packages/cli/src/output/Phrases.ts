/**
 * Times and counts as a sentence has them.
 */
import { DateTime } from "effect"

const units = [
  ["day", 86_400_000, "h", 3_600_000],
  ["h", 3_600_000, "min", 60_000],
  ["min", 60_000, "s", 1000],
] as const

/** A time span with its two largest units: `40 ms`, `2.1 s`, `3 min 5 s`, `2 h 10 min`. A negative one is none. */
export const span = (millis: number): string => {
  const time = Math.max(0, millis)
  if (time < 1000) return `${Math.round(time)} ms`
  // 59.95 s and more read as a minute.
  if (time < 59_950) return `${(time / 1000).toFixed(1)} s`
  const [unit, size, smaller, part] = units.find(([, each]) => time >= each) ?? units[2]
  const whole = Math.max(1, Math.floor(time / size))
  const rest = Math.max(0, Math.floor((time - whole * size) / part))
  const name = unit === "day" && whole > 1 ? "days" : unit
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${smaller}`
}

/** From one instant to another. */
export const between = (from: DateTime.Utc, to: DateTime.Utc): string =>
  span(to.epochMillis - from.epochMillis)

/** The time of day, in UTC. */
export const clock = (at: DateTime.Utc): string => DateTime.formatIso(at).slice(11, 19)

/** The day and the time, in UTC. */
export const date = (at: DateTime.Utc): string => DateTime.formatIso(at).slice(0, 19).replace("T", " ")

/** The time, with its day where that is not the day of `reference`. */
export const near = (at: DateTime.Utc, reference: DateTime.Utc): string =>
  date(at).slice(0, 10) === date(reference).slice(0, 10) ? clock(at) : date(at)

export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number} ${number === 1 ? noun : plural}`

/** Words with commas and an `and`. */
export const list = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`

/** How many words `some` has. */
const shown = 3

/** The first words of a list, and the number of the others. */
export const some = (words: ReadonlyArray<string>): string =>
  words.length <= shown ? list(words) : `${words.slice(0, shown).join(", ")} and ${words.length - shown} more`
