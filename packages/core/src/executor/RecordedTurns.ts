/**
 * The turns of a remote agent that have ended in this run. The end of each is a record of the log, so a later attempt does not request
 * the turn again.
 *
 * Source: docs/decisions/0057-steps.md
 */
import { Effect, Schema } from "effect"
import type { AgentEvent } from "../model/AgentEvent.js"
import { endsRun, LogEvent } from "../model/AgentEvent.js"
import * as OpenedItems from "../model/OpenedItems.js"
import * as StepRecord from "../model/StepRecord.js"
import { ExecutorError } from "./ExecutorError.js"
import * as ModelRequest from "./ModelRequest.js"
import * as ReportedSteps from "./ReportedSteps.js"

/** `ended` are the events that ended the turns, RUN_FINISHED or RUN_ERROR, oldest first. */
export interface RecordedTurns {
  readonly ended: ReadonlyArray<LogEvent>

  /** The mark that the next turn begins, which goes into the Stream of the executor before its request. */
  readonly begin: Effect.Effect<ReportedSteps.Report>

  /** Takes note of an event of the turn. The next turn begins behind the record of this one. */
  readonly observe: (event: LogEvent) => void

  /**
   * The record of the end of the turn, which goes into the Stream of the executor before that end. Empty with a warning where
   * there can be none: the turn is done all the same.
   */
  readonly record: (end: LogEvent) => Effect.Effect<ReadonlyArray<AgentEvent>>
}

export const stepName = "turn"

/** The bytes that a record of a turn may have. */
const maxBytes = 240_000

const isEnd = (value: unknown): value is LogEvent => Schema.is(LogEvent)(value) && endsRun(value)

/** Whether an event is the record of a turn. */
export const isRecord = (event: LogEvent): boolean => {
  const read = StepRecord.fromEvent(event)
  return read._tag === "Some" && read.value.kind === "step" && read.value.record.name === stepName
}

/**
 * The turns of the run that earlier attempts have recorded. The first attempt reads nothing.
 *
 * Fails: as `ReportedSteps.recorded`.
 */
export const read: Effect.Effect<RecordedTurns, ExecutorError> = ReportedSteps.recorded.pipe(
  Effect.mapError(({ code, message, retryable }) => new ExecutorError({ code, message, retryable })),
  Effect.map((steps): RecordedTurns => {
    const ended = steps.flatMap(({ name, result }) => (name === stepName && isEnd(result) ? [result] : []))
    const opened = OpenedItems.make()
    let number = ended.length
    return {
      ended,
      begin: Effect.suspend(() => ModelRequest.begin({ name: stepName, key: number })),
      observe: opened.observe,
      record: (end) =>
        Effect.suspend(() => {
          const { messages, tool_calls: toolCalls } = opened.ids()
          const opening = { messages, toolCalls }
          opened.clear()
          const size = new TextEncoder().encode(JSON.stringify([opening, JSON.stringify(end)])).length
          if (size > maxBytes) {
            return Effect.as(Effect.logWarning("The turn of the agent has no record: it is too large"), [])
          }
          return ReportedSteps.record(stepName, end, { key: number, ...opening }).pipe(
            Effect.map(({ events }) => {
              number += 1
              return events
            }),
            Effect.catchAll((error) =>
              Effect.as(Effect.logWarning("The turn of the agent has no record", error), []),
            ),
          )
        }),
    }
  }),
)
