/** A line by which a program records a step: `{"type":"CUSTOM","name":"runlease.step","value":{"name","key"?,"result"}}`. */
import { type AgentEvent, StepRecord } from "@runlease/core"
import { type ReportedSteps } from "@runlease/core/executor"
import { Either, Predicate } from "effect"

export const isStep = ({ name, type }: AgentEvent.LogEvent): boolean =>
  type === "CUSTOM" && name === StepRecord.stepEventName

const advice = `print {"type":"CUSTOM","name":"${StepRecord.stepEventName}","value":{"name":"fetch","result":null}}, with a "key" where a name comes more than once`

const problemOf = (value: unknown): string | undefined => {
  if (!Predicate.isRecord(value)) return "`value` must be an object"
  const { name } = value
  if (name === undefined) return "`value.name` is missing"
  if (typeof name !== "string" || name === "") return "`value.name` must be a string that is not empty"
  return Object.hasOwn(value, "result") ? undefined : "`value.result` is missing (null will do)"
}

/** The step. Left: what is wrong with it, and what to print. */
export const parse = ({ value }: AgentEvent.LogEvent): Either.Either<ReportedSteps.ReportedStep, string> => {
  const problem = problemOf(value)
  if (problem !== undefined) return Either.left(`${problem}; ${advice}`)
  const { key, name, result } = value as ReportedSteps.ReportedStep
  return Either.right({ name, ...(key === undefined ? {} : { key }), result })
}
