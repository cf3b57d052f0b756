/** Text as PostgreSQL can hold it: it knows neither NUL nor half a surrogate pair, and both become U+FFFD. */

/** Text for a parameter. */
export const storable = (text: string): string =>
  (text.includes("\u0000") ? text.replaceAll("\u0000", "\ufffd") : text).toWellFormed()

/** What `JSON.stringify` writes for those, and for a backslash before such letters, which is none of them. */
const suspect = /\\u(?:0000|d[89a-f])/

/** JSON text whose strings are all storable. */
export const storableJson = (value: unknown): string => {
  const text = JSON.stringify(value)
  return suspect.test(text)
    ? JSON.stringify(value, (_, part: unknown) => (typeof part === "string" ? storable(part) : part))
    : text
}

/** PostgreSQL's own code of a transaction whose outcome is unknown. */
export const outcomeUnknown = "08007"
