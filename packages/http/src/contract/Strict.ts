/**
 * Bodies that people write: a field that has no meaning is refused, since it would be dropped without a word.
 *
 * Source: docs/decisions/0028-strict-bodies.md
 */
import type { ParseResult, Schema } from "effect"

/**
 * The schema, which now refuses every field that it does not name, at any depth. What the schema takes as any JSON stays
 * open.
 */
export const strict = <A, I>(schema: Schema.Schema<A, I>): Schema.Schema<A, I> =>
  schema.annotations({ parseOptions: { onExcessProperty: "error" } })

/** The edit distance: the least number of insertions, deletions and replacements of letters. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

/** `maxAttempts` and `max_attempts` are the same name. */
const letters = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "")

/** Names longer than every field are like none of them, and too costly to compare. */
const maxName = 64

/** The field that a name is likely to stand for. */
const nearest = (name: string, fields: ReadonlyArray<string>): string | undefined => {
  if (name.length > maxName) return undefined
  const near = Math.max(1, Math.floor(name.length / 3))
  const [best] = fields
    .map((field) => ({ field, differs: distance(letters(name), letters(field)) }))
    .filter(({ differs }) => differs <= near)
    .sort((a, b) => a.differs - b.differs)
  return best?.field
}

/**
 * The problem as one line without the field's path. For an unknown field the line names the likely field, or all fields that
 * exist.
 */
export const sentence = ({ _tag, message, path }: ParseResult.ArrayFormatterIssue): string => {
  const line = message.split("\n")[0]!
  if (_tag !== "Unexpected") return line
  // Schema names what it expects in its message alone: `is unexpected, expected: "a" | "b"`.
  const fields = Array.from(line.matchAll(/"([^"]*)"/g), ([, field]) => field!)
  if (fields.length === 0) return "is not a field"
  const near = nearest(String(path.at(-1) ?? ""), fields)
  return near === undefined
    ? `is not a field here; the fields are ${fields.join(", ")}`
    : `is not a field here; did you mean ${near}?`
}
