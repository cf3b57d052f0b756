const two = (value: number): string => String(value).padStart(2, "0")

/** An instant as a field of a form takes it, in the zone of the reader: `2026-11-29T02:00` */
export const localText = (instant: number): string => {
  const date = new Date(instant)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`
}

const inZones = new Map<string, Intl.DateTimeFormat>()

/** `Mon 30 Nov, 02:00` in a zone; in that of the reader where there is none of that name. */
export const inZone = (instant: number, timeZone: string): string => {
  let format = inZones.get(timeZone)
  if (format === undefined) {
    const options = {
      weekday: "short",
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
    } as const
    try {
      format = new Intl.DateTimeFormat("en-GB", { ...options, timeZone })
    } catch {
      format = new Intl.DateTimeFormat("en-GB", options)
    }
    inZones.set(timeZone, format)
  }
  return format.format(instant)
}
