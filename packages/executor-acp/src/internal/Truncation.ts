/** What an agent says, cut to what an event can hold. */

/** Well under what an event of a log may be, for what is around it. */
export const maxBytes = 160_000

const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} more characters)`

/** The bytes of a value as JSON. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? "")

/** At most `max` bytes of text, and how much is left out. */
export const text = (value: string, max = maxBytes): string => {
  if (Buffer.byteLength(value) <= max) return value
  // A character is at most three bytes for each of its UTF-16 units.
  return cut(value, Math.floor(max / 3))
}

/** A JSON value whose long texts are cut until it takes at most `max` bytes. */
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
