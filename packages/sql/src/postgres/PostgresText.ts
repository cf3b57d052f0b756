/** Text as PostgreSQL can hold it: it knows neither NUL nor half a surrogate pair, and both become U+FFFD. */

/** Text for a parameter. */
export const storable = (text: string): string =>
  (text.includes("\u0000") ? text.replaceAll("\u0000", "\ufffd") : text).toWellFormed()

/** What `JSON.stringify` writes for a character that it does not quote as an array does, and for a backslash before such a letter. */
const escaped = /\\[bfnrtu]/

const element = (value: string | number | null): string =>
  typeof value === "string" ? `"${storable(value).replaceAll(/["\\]/g, "\\$&")}"` : String(value)

/** The text of an array of these values. Most text has quotes and backslashes alone, which an array has as JSON does. */
export const arrayText = (values: ReadonlyArray<string | number | null>): string => {
  const json = JSON.stringify(values)
  return `{${escaped.test(json) ? values.map(element).join() : json.slice(1, -1)}}`
}

/** PostgreSQL's own code of a transaction whose outcome is unknown. */
export const outcomeUnknown = "08007"
