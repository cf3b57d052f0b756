/**
 * The results of tool calls in a trial, where none is made.
 *
 * Source: docs/decisions/0161-trials.md
 */
import type { Trial } from "../model/Trial.js"
import * as ToolCalls from "./ToolCalls.js"

export interface Result {
  readonly content: unknown
  readonly isError: boolean
}

export interface TrialCalls {
  /** The result of the call, the number `ordinal` of its kind; undefined where it is to be made. */
  readonly resultOf: (call: ToolCalls.CallRequest, ordinal: number) => Result | undefined
}

const live: TrialCalls = { resultOf: () => undefined }

const refused = (content: string): Result => ({ content, isError: true })

const refusedAll = refused("This is a trial, which makes no tool calls. The call was not made.")

const notRecorded = refused(
  "This is a trial, which makes no tool calls. The original run has made no call with these arguments, so there is no result.",
)

/** Whether the calls of a run are made. */
export const makesCalls = (trial: Trial | undefined): boolean => trial === undefined || trial.tools === "live"

/** Those of the trial that a run is in. Of equal calls, each has the result of its turn, and those beyond have the last one. */
export const make = (trial: Trial | undefined): TrialCalls => {
  if (trial === undefined || trial.tools === "live") return live
  if (trial.tools === "refuse") return { resultOf: () => refusedAll }
  const results = new Map<string, Array<Result>>()
  for (const { content, isError = false, ...call } of trial.calls) {
    const name = ToolCalls.signatureOf(call)
    results.set(name, [...(results.get(name) ?? []), { content, isError }])
  }
  return {
    resultOf: (call, ordinal) => {
      const recorded = results.get(ToolCalls.signatureOf(call)) ?? []
      return recorded[ordinal - 1] ?? recorded.at(-1) ?? notRecorded
    },
  }
}
