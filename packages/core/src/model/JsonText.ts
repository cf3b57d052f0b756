/** Text as JSON has it: its size once it is escaped, and its parts. */

/** The most bytes that a UTF-16 unit takes in JSON. */
const maxUnitBytes = 6

/** How many bytes a UTF-16 unit of `text` takes in JSON. Each half of a surrogate pair has two of its four bytes. */
const bytesAt = (text: string, index: number): number => {
  const unit = text.charCodeAt(index)
  if (unit === 0x22 || unit === 0x5c) return 2
  if (unit < 0x20) return unit === 8 || unit === 9 || unit === 10 || unit === 12 || unit === 13 ? 2 : 6
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  if (unit < 0xd800 || unit > 0xdfff) return 3
  return isPair(text, unit < 0xdc00 ? index : index - 1) ? 2 : 6
}

/** Whether the units at an index and after it are a surrogate pair. */
const isPair = (text: string, index: number): boolean => {
  const high = text.charCodeAt(index)
  const low = text.charCodeAt(index + 1)
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000
}

/** How many bytes of JSON a text takes, without its quotes. */
export const sizeOf = (text: string): number => {
  let bytes = 0
  for (let index = 0; index < text.length; index++) bytes += bytesAt(text, index)
  return bytes
}

/**
 * A text in parts of at most `maxBytes` bytes of JSON each, of which there is one at least. Never splits a surrogate pair.
 *
 * Units: `maxBytes` is 6 or more.
 */
export const split = (text: string, maxBytes: number): ReadonlyArray<string> => {
  if (text.length * maxUnitBytes <= maxBytes) return [text]
  const parts: Array<string> = []
  let start = 0
  let bytes = 0
  for (let index = 0; index < text.length;) {
    const units = isPair(text, index) ? 2 : 1
    const more = units === 2 ? 4 : bytesAt(text, index)
    if (bytes + more > maxBytes) {
      parts.push(text.slice(start, index))
      start = index
      bytes = 0
    }
    bytes += more
    index += units
  }
  return [...parts, text.slice(start)]
}

/** The beginning of a text that takes at most `maxBytes` bytes of JSON. */
export const beginning = (text: string, maxBytes: number): string =>
  maxBytes < maxUnitBytes ? "" : split(text, maxBytes)[0]!
