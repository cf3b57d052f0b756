/** Comparing JSON values by what they say, whatever the order of their keys. */

/** The JSON text with keys in order and undefined left out, so that equal values have equal text. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  ) ?? "undefined"

/** Whether two JSON values say the same; a key whose value is undefined is absent. */
export const equalJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((value, index) => equalJson(value, b[index]))
    )
  }
  const other = new Map(Object.entries(b).filter(([, value]) => value !== undefined))
  const own = Object.entries(a).filter(([, value]) => value !== undefined)
  return (
    own.length === other.size &&
    own.every(([key, value]) => other.has(key) && equalJson(value, other.get(key)))
  )
}

/** The length of a value as JSON; 0 for what JSON does not have. */
export const lengthOf = (value: unknown): number => (value == null ? 4 : (JSON.stringify(value)?.length ?? 0))
