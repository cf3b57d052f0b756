/**
 * Checks of values by JSON Schemas within a budget: the cheap ones on the thread of all requests, the others on a thread of checks.
 *
 * Source: docs/decisions/0124-schema-checks-on-a-thread.md
 */
import * as JsonSchemaCost from "@runlease/core/JsonSchemaCost"
import * as JsonSchemaProblem from "@runlease/core/JsonSchemaProblem"
import { Effect, Option } from "effect"
import * as CheckThread from "./CheckThread.js"

/**
 * What the checks of one request may take together: `steps` on the thread of all requests, then `millis` on that of checks. What is left
 * over is not checked. `isFresh`: the schemas were read for this request.
 */
export interface Budget {
  steps: number
  millis: number
  isFresh: boolean
}

export const budget = (): Budget => ({ steps: JsonSchemaCost.fewSteps, millis: 1000, isFresh: false })

/** The problem of a value; undefined where it fits, or where there is no time for the check. */
export type Check = (input: unknown, budget: Budget) => Effect.Effect<string | undefined>

const fitting: Check = () => Effect.succeed(undefined)

/** The size of the largest value that a thread is sent, as `JsonSchemaCost` measures it: a text of 10 MB is. */
const maxValue = 1_000_000

/**
 * The problem with the first schema where the input fits none. Schemas that cannot be checked in time accept everything from then on.
 */
export const checkOf = (thread: CheckThread.CheckThread, forms: ReadonlyMap<string, object>): Check => {
  const schemas = Array.from(forms.values())
  const [first] = schemas
  if (first === undefined) return fitting
  const size = schemas.reduce(
    (total, schema) => total + (JsonSchemaCost.ofSchema(schema) ?? Number.POSITIVE_INFINITY),
    0,
  )
  let checks: ReadonlyArray<(input: unknown) => string | undefined> | undefined
  let isInTime = true

  const checkHere = (input: unknown): string | undefined => {
    checks ??= schemas.map(JsonSchemaProblem.make)
    let problem: string | undefined
    for (const check of checks) {
      const found = check(input)
      if (found === undefined) return undefined
      problem ??= found
    }
    return problem
  }

  const checkThere = (input: unknown, shared: Budget) =>
    Effect.suspend(() =>
      isInTime && shared.millis > 0
        ? thread.check({ schemas: Array.from(forms.keys()), value: input })
        : CheckThread.unchecked,
    ).pipe(
      Effect.map(({ errors, millis }) => {
        shared.millis -= millis
        if (Option.isNone(errors) && millis > 0) isInTime = false
        const found = Option.getOrElse(errors, () => [])
        return found.length === 0 ? undefined : JsonSchemaProblem.describe(first, found)
      }),
    )

  return (input, shared) =>
    Effect.suspend(() => {
      const valueSize = JsonSchemaCost.ofValue(input, shared.steps / size)
      if (valueSize !== undefined) {
        shared.steps -= valueSize * size
        return Effect.succeed(checkHere(input))
      }
      return JsonSchemaCost.ofValue(input, maxValue) === undefined
        ? Effect.succeed(undefined)
        : checkThere(input, shared)
    })
}
