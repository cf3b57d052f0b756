/** Instants and durations for people. Instants are milliseconds since the epoch. */

const two = (value: number): string => String(value).padStart(2, "0")

/** `7 ms`, `0.4 s`, `13 s`, `1 m 44 s`, `2 h 05 m`, `3 d 4 h` */
export const duration = (millis: number): string => {
  if (millis < 100) return `${Math.max(0, Math.round(millis))} ms`
  if (millis < 950) return `${(millis / 1000).toFixed(1)} s`
  const seconds = Math.round(millis / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${two(minutes % 60)} m`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** `12 s ago`, `5 m ago`, `3 h ago`, `2 d ago` */
export const ago = (instant: number, now: number): string => {
  const seconds = Math.max(0, Math.round((now - instant) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

/** `in 12 s`, `in 5 m`, `in 3 h`, `in 2 d`; `now` when it has come */
export const until = (instant: number, now: number): string =>
  instant - now < 1000 ? "now" : `in ${ago(now, instant).slice(0, -4)}`

/** `55:37`, as a countdown shows it; `1:02:10` from an hour on */
export const countdown = (millis: number): string => {
  const seconds = Math.max(0, Math.ceil(millis / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`
}

/** `02:58:40` in the zone of the reader */
export const clock = (instant: number): string => {
  const date = new Date(instant)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })

/** `02:58:40` today, `24 Nov 02:58` on another day */
export const when = (instant: number, now: number): string =>
  new Date(instant).toDateString() === new Date(now).toDateString()
    ? clock(instant)
    : `${day.format(instant)} ${clock(instant).slice(0, 5)}`

/** The exact instant, for the title of an element: `2026-11-24T02:58:40.123Z` */
export const exact = (instant: number): string => new Date(instant).toISOString()
