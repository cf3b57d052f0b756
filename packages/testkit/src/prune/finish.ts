import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

/** Submits a run and ends it. */
export const finish = (input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { runId } = yield* TestRuns.submit(input)
    const { run } = yield* runs.cancel(runId)
    return run
  })
