/** Truncates an agent's data to the size of an event. */

/** The largest data in an event. The limit of the log is well above it, to leave room for the rest of the event. */
export const maxBytes = 160_000

const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} more characters)`

/** The size of a value as JSON, in bytes. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? "")

/** At most `max` bytes of a text, with the number of omitted characters. */
export const text = (value: string, max = maxBytes): string => {
  if (Buffer.byteLength(value) <= max) return value
  // A UTF-16 unit takes at most three bytes.
  return cut(value, Math.floor(max / 3))
}

/** A JSON value with its long texts truncated, until it takes at most `max` bytes. */
export const json = (value: unknown, max = maxBytes): unknown => {
  if (sizeOf(value) <= max) return value
  for (let length = max; length >= 16; length = Math.floor(length / 4)) {
    const shorter: unknown = JSON.parse(
      JSON.stringify(value, (_key, inner: unknown) =>
        typeof inner === "string" ? cut(inner, length) : inner,
      ),
    )
    if (sizeOf(shorter) <= max) return shorter
  }
  return { omitted: `${sizeOf(value)} bytes of JSON` }
}
