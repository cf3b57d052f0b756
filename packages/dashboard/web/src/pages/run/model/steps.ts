/** The steps of a run that a later attempt, or a fork, does not do again. */
import type { RunLog } from "./runLog"
import type { StepPart, ToolPart } from "./parts"

export interface RecordedStep {
  readonly name: string
  readonly key: unknown
  readonly at: number
  /** The event after which a fork goes on. */
  readonly eventId: number
}

export const keyWord = (key: unknown): string =>
  key === undefined ? "" : typeof key === "string" ? key : JSON.stringify(key)

/** The event with what a step has given; null while it has given nothing. */
export const eventOf = (part: StepPart | ToolPart): number | null =>
  part.kind === "tool" ? (part.result?.eventId ?? null) : part.recorded

export const recordedSteps = (log: RunLog): ReadonlyArray<RecordedStep> =>
  log.steps.flatMap((part) => {
    const eventId = eventOf(part)
    if (eventId === null || (part.kind === "tool" && part.superseded)) return []
    return [{ name: part.name, key: part.kind === "step" ? part.stepKey : undefined, at: part.at, eventId }]
  })
