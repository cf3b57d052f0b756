/** The limits of a budget, as people write them. */
import type * as Json from "@runlease/http/Json"
import { isRecord } from "../model/questions"
import { dollars, integer, short } from "../../../format/numbers"
import { duration } from "../../../format/times"

export const limitNames = ["tokens", "cost", "steps", "seconds", "runs"] as const
export type LimitName = (typeof limitNames)[number]

export interface Budget {
  readonly limits: Partial<Record<LimitName, number>>
  readonly spent: Partial<Record<LimitName, number>>
}

const numbersIn = (value: unknown): Partial<Record<LimitName, number>> =>
  isRecord(value)
    ? Object.fromEntries(
        limitNames.flatMap((name) => (typeof value[name] === "number" ? [[name, value[name]]] : [])),
      )
    : {}

/** The budget of a run; undefined where it has none. */
export const budgetOf = (run: Json.CanonicalRun | undefined): Budget | undefined => {
  const config = run?.config
  const budget = isRecord(config) ? config["budget"] : undefined
  return isRecord(budget)
    ? { limits: numbersIn(budget["limits"]), spent: numbersIn(budget["spent"]) }
    : undefined
}

export const limitLabels: Readonly<Record<LimitName, string>> = {
  tokens: "Tokens",
  cost: "Cost",
  steps: "Steps",
  seconds: "Time under lease",
  runs: "Runs",
}

/** The name of a field, with its unit where it is not what is counted. */
export const limitFields: Readonly<Record<LimitName, string>> = {
  ...limitLabels,
  cost: "Cost, in dollars",
  seconds: "Seconds under lease",
}

export const amount = (name: LimitName, value: number): string =>
  name === "cost"
    ? dollars(value)
    : name === "seconds"
      ? duration(value * 1000)
      : name === "tokens"
        ? short(Math.round(value))
        : integer(Math.round(value))

/** The limits that somebody has written, or what is wrong. A cost is in dollars there, and in millionths in a limit. */
export const limitsFrom = (
  texts: Partial<Record<LimitName, string>>,
  spent: Budget["spent"] = {},
): {
  readonly limits: Partial<Record<LimitName, number>>
  readonly problems: Partial<Record<LimitName, string>>
} => {
  const limits: Partial<Record<LimitName, number>> = {}
  const problems: Partial<Record<LimitName, string>> = {}
  for (const name of limitNames) {
    const text = texts[name]?.trim().replaceAll(/[\s,$]/g, "") ?? ""
    if (text === "") continue
    const value = Math.round(Number(text) * (name === "cost" ? 1_000_000 : 1))
    if (Number.isNaN(value) || value < 1) problems[name] = "A number above 0"
    else if (value <= (spent[name] ?? 0)) problems[name] = `${amount(name, spent[name]!)} is spent already`
    else limits[name] = value
  }
  return { limits, problems }
}
