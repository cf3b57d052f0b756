/** A check of values by JSON Schemas that takes few steps, for code that other work waits for. */
import * as JsonSchemaCost from "./JsonSchemaCost.js"
import * as JsonSchemaProblem from "./JsonSchemaProblem.js"

/** The problem of a value; undefined where it fits, or where its check may take long. */
export type Check = (value: unknown) => string | undefined

/** The problem with the first schema where a value fits none of them. */
export const make = (schemas: ReadonlyArray<object>): Check => {
  const sizes = schemas.map((schema) => JsonSchemaCost.ofSchema(schema))
  const size = sizes.reduce<number>((total, one) => total + (one ?? Number.POSITIVE_INFINITY), 0)
  let checks: ReadonlyArray<Check> | undefined
  return (value) => {
    if (JsonSchemaCost.ofValue(value, JsonSchemaCost.fewSteps / size) === undefined) return undefined
    checks ??= schemas.map(JsonSchemaProblem.make)
    const problems = checks.map((check) => check(value))
    return problems.includes(undefined) ? undefined : problems[0]
  }
}
