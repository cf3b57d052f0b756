/**
 * Trials: past runs once more, with something changed, to see what it would have done.
 *
 * Source: docs/decisions/0161-trials.md
 */
import { Predicate, Schema } from "effect"
import { isToolCallFailure, type LogEvent } from "./AgentEvent.js"
import { type Labels, Value } from "./Labels.js"

/**
 * What becomes of tool calls in a trial. `recorded`: one with the same name and arguments as one of the original run gets that result, and
 * others are refused. `live`: they are made. `refuse`: all are refused.
 */
export const Tools = Schema.Literal("recorded", "live", "refuse")
export type Tools = typeof Tools.Type

/** The most recorded calls of a trial. */
export const maxCalls = 10_000

/** A tool call of the original run and its result. `args` is JSON text. */
export const RecordedCall = Schema.Struct({
  toolName: Schema.String,
  args: Schema.String,
  content: Schema.Unknown,
  isError: Schema.optional(Schema.Literal(true)),
})
export type RecordedCall = typeof RecordedCall.Type

/**
 * What the request of a run says of the trial that it is in. `runId`: the original run. `after`: the event up to which it began with records of
 * the original; 0 is the start. A child of the run has no `calls`.
 */
export const Trial = Schema.Struct({
  name: Value,
  runId: Schema.String,
  after: Schema.NonNegativeInt,
  tools: Tools,
  calls: Schema.Array(RecordedCall),
})
export type Trial = typeof Trial.Type

/** The label that names the trial of a run. */
export const nameLabel = "trial"

/** The label that names the original run. A run that has it sends no webhook. */
export const runLabel = "trial_of"

/** The label with the score of a run of a trial, as text. */
export const scoreLabel = "trial_score"

/** The labels of a run in a trial. */
export const labelsOf = (name: string, runId: string): Labels => ({ [nameLabel]: name, [runLabel]: runId })

/** Whether the labels are those of a run in a trial. */
export const isTrial = (labels: Labels): boolean =>
  Object.hasOwn(labels, nameLabel) && Object.hasOwn(labels, runLabel)

/** Collects the tool calls of a log that have a result, in the order in which they began. */
export const callReader = (): {
  readonly next: (event: LogEvent) => void
  readonly calls: () => ReadonlyArray<RecordedCall>
} => {
  const begun = new Map<unknown, { readonly toolName: string; args: string }>()
  const results = new Map<unknown, Pick<RecordedCall, "content" | "isError">>()
  return {
    next: (event) => {
      const id = event["toolCallId"]
      const call = begun.get(id)
      switch (event.type) {
        case "TOOL_CALL_START":
          if (call === undefined) begun.set(id, { toolName: String(event["toolCallName"]), args: "" })
          return
        case "TOOL_CALL_ARGS":
          if (call !== undefined && Predicate.isString(event["delta"])) call.args += event["delta"]
          return
        case "TOOL_CALL_RESULT": {
          const result = { content: event["content"] }
          results.set(id, isToolCallFailure(event) ? { ...result, isError: true } : result)
        }
      }
    },
    calls: () =>
      Array.from(begun).flatMap(([id, call]) => {
        const result = results.get(id)
        return result === undefined ? [] : [{ ...call, ...result }]
      }),
  }
}
