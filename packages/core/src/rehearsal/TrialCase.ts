/**
 * A case: a run of a trial as a file, for a test that does it once more with other code and the same results of tools.
 *
 * Source: docs/decisions/0161-trials.md
 */
import { Data, Effect, Schema, Struct } from "effect"
import * as Ids from "../model/Ids.js"
import { RequestSnapshot } from "../model/RequestSnapshot.js"
import { EventId } from "../model/Run.js"
import * as Trial from "../model/Trial.js"
import { type LogEntry, maxReadLimit, RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import * as TrialReport from "./TrialReport.js"

/** What became of a run. `seconds`: from its first claim to its end, null where it has none. `message`: the last one that the agent wrote, or its result where it wrote none. */
export const Result = Schema.Struct({
  outcome: Schema.String,
  error: Schema.NullOr(Schema.String),
  tokens: Schema.Number,
  cost: Schema.Number,
  steps: Schema.Number,
  toolCalls: Schema.Number,
  seconds: Schema.NullOr(Schema.Number),
  message: Schema.String,
})
export type Result = typeof Result.Type

/** `calls`: the tool calls that have a result. */
export const TrialCase = Schema.Struct({
  runId: Schema.String,
  agentId: Ids.AgentId,
  request: RequestSnapshot,
  calls: Schema.Array(Trial.RecordedCall),
  result: Result,
})
export type TrialCase = typeof TrialCase.Type

/** A run of which there is no case. `records`: it began with what its original had recorded, and a case begins at the start. */
export class NoCase extends Data.TaggedError("NoCase")<{
  readonly runId: Ids.RunId
  readonly reason: "no_trial" | "records"
}> {
  override get message() {
    return this.reason === "no_trial"
      ? `Run ${this.runId} is in no trial`
      : `Run ${this.runId} began with records of its original, and a case begins at the start`
  }
}

export const resultOf = (side: TrialReport.Side): Result => ({
  ...Struct.pick(side, "tokens", "cost", "steps", "toolCalls", "seconds", "message"),
  outcome: TrialReport.outcomeOf(side.run),
  error: side.run.error?.code ?? null,
})

/** The tool calls of a log that have a result. */
const callsOf = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const { calls, next } = Trial.callReader()
    let after: EventId | undefined = EventId.make(0)
    while (after !== undefined) {
      const page: ReadonlyArray<LogEntry> = yield* log.read({ runId, after, limit: maxReadLimit })
      for (const { event } of page) next(event)
      after = page.at(-1)?.eventId
    }
    return calls()
  })

/** The case of a run of a trial. Where the trial has recorded calls, the case has these, and else those of its log. */
export const ofRun = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const run = yield* runs.get(runId)
    const { trial, ...request } = yield* runs.snapshot(run.runId)
    if (trial === undefined) return yield* new NoCase({ runId: run.runId, reason: "no_trial" })
    if (trial.after > 0) return yield* new NoCase({ runId: run.runId, reason: "records" })
    return {
      runId: run.runId,
      agentId: run.agentId,
      request: Struct.omit(request, "asOf", "carries", "protocol", "resume", "traceContext"),
      calls: trial.tools === "recorded" ? trial.calls : yield* callsOf(run.runId),
      result: resultOf(yield* TrialReport.sideOf(run)),
    } satisfies TrialCase
  })
