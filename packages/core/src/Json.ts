/**
 * Comparing JSON values by what they say, whatever the order of their keys.
 *
 * @since 0.1.0
 */

/** The JSON text with keys in order and undefined left out, so that equal values have equal text. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  ) ?? "undefined"

/** Whether two JSON values say the same. */
export const equalJson = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b)
