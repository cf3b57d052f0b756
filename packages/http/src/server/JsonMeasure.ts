/**
 * Measures the value of a JSON text without parsing it.
 *
 * @since 0.1.0
 */

/** Bytes of an empty array or object, or one with a few values, as V8 has it. */
const containerBytes = 64

/** Bytes of any other value beside its text. */
const valueBytes = 16

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c

/**
 * `parsedBytes` is about what the values take, text included; undefined for a text whose arrays and objects nest deeper than
 * `maxDepth`. Brackets and commas within strings count for nothing.
 *
 * @since 0.1.0
 * @category measures
 */
export const parsedBytes = (text: string, maxDepth: number): number | undefined => {
  let depth = 0
  let containers = 0
  let commas = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === backslash) i++
      else if (code === quote) inString = false
    } else if (code === quote) {
      inString = true
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxDepth) return undefined
      containers++
    } else if (code === 0x5d || code === 0x7d) {
      depth--
    } else if (code === comma) {
      commas++
    }
  }
  return text.length + containers * containerBytes + commas * valueBytes
}
