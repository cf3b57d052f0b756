/** The steps of a run that a later attempt, or a fork, does not do again. */
import { duration } from "../../../format/times"
import type { RunLog } from "./runLog"
import type { StepPart, TextPart, ToolPart } from "./parts"
import { cut, parseJson, resultLine } from "./sentences"

export interface RecordedStep {
  readonly name: string
  readonly key: unknown
  readonly at: number
  /** The event after which a fork continues. */
  readonly eventId: number
}

export const keyWord = (key: unknown): string =>
  key === undefined ? "" : typeof key === "string" ? key : JSON.stringify(key)

/** The event with the result of a step; null while it has none. */
export const eventOf = (part: StepPart | ToolPart): number | null =>
  part.kind === "tool" ? (part.result?.eventId ?? null) : part.recorded

export const recordedSteps = (log: RunLog): ReadonlyArray<RecordedStep> =>
  log.steps.flatMap((part) => {
    const eventId = eventOf(part)
    if (eventId === null || (part.kind === "tool" && part.superseded)) return []
    return [{ name: part.name, key: part.kind === "step" ? part.stepKey : undefined, at: part.at, eventId }]
  })

export const isFailed = (part: StepPart | ToolPart | TextPart): boolean =>
  part.kind === "tool"
    ? part.result?.isError === true
    : part.kind === "step" && (part.error !== null || part.failure !== undefined)

/** The result of a step, or why it has failed, in a few words; empty where it has no value. */
export const resultWords = (part: StepPart): string => {
  if (part.brokenAt !== null) return "broken off"
  const outcome = part.failure ?? part.result
  const value = part.codec === undefined && outcome !== undefined ? resultLine(parseJson(outcome)) : ""
  if (!isFailed(part)) return value
  const why = part.error?.message ?? value
  return why === "" ? "failed" : `failed: ${cut(why, 60)}`
}

/** How a step ended, and how long it took. */
export const outcomeOf = (part: StepPart, now: number): string => {
  if (part.brokenAt === null && part.endedAt === null) return `${duration(now - part.at)} so far`
  const took = part.brokenAt === null && part.shown ? duration((part.endedAt ?? now) - part.at) : ""
  return [resultWords(part), took].filter((text) => text !== "").join(", ")
}
