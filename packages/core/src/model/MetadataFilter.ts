/** Conditions on the metadata of a run's outcome: by the path of a value, such as `customer.plan`, the texts of which it is one. */
import { Array as Arr, Schema } from "effect"
import * as Ids from "./Ids.js"
import * as OneOrMore from "./OneOrMore.js"

/** The most conditions of one filter. */
export const maxConditions = 8

/** Names with dots between them, 200 characters at most. */
export const Path = Ids.visibleText(200).pipe(
  Schema.pattern(/^[^.]+(\.[^.]+)*$/, {
    message: () => "must be names with one dot between them, such as customer.plan",
  }),
)

/** The text of a value: that of a string, of a number as JSON has it, `true`, `false` or `null`. */
export const Value = Ids.visibleText(200)

const isPath = Schema.is(Path)

/** By path, the value or values. */
export const MetadataFilter = Schema.Record({ key: Schema.String, value: OneOrMore.schema(Value) }).pipe(
  Schema.filter(
    (filter) => {
      const paths = Object.keys(filter)
      const wrong = paths.find((path) => !isPath(path))
      if (wrong !== undefined) {
        return { path: [wrong], message: "is a path that must be names with one dot between them" }
      }
      return paths.length > maxConditions
        ? `must be at most ${maxConditions} paths, and not ${paths.length}`
        : undefined
    },
    { jsonSchema: { maxProperties: maxConditions } },
  ),
)
export type MetadataFilter = typeof MetadataFilter.Type

/** The value that is there; undefined where none is. A list has no names. */
const valueAt = (metadata: unknown, path: string): unknown => {
  let value = metadata
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
      return undefined
    }
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

const textOf = (value: unknown): string | undefined =>
  value === undefined || (typeof value === "object" && value !== null) ? undefined : String(value)

/** Whether metadata has, at each path, one of its values. An object and a list have no text, so they are none of them. */
export const matches = (filter: MetadataFilter, metadata: unknown): boolean =>
  Object.entries(filter).every(([path, values]) => {
    const text = textOf(valueAt(metadata, path))
    return text !== undefined && Arr.ensure(values).includes(text)
  })

/** Whether there is no condition. */
export const isEmpty = (filter: MetadataFilter): boolean => Object.keys(filter).length === 0
