/**
 * What tests of questions share.
 */
import { type Interrupt, type Run, Runs } from "@runlease/core"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { run } from "../TestWorker.js"

type RunId = Run.Run["runId"]

export const resolved = (interruptId: string, payload: unknown): Interrupt.Answer => ({
  interruptId,
  status: "resolved",
  payload,
})

/** Waits until the run is suspended for these questions. */
export const untilWaitsFor = (runId: RunId, ...ids: ReadonlyArray<string>) =>
  TestRuns.eventually(
    run(runId),
    ({ waiting }) => waiting?.interrupts.map(({ id }) => id).join(" ") === ids.join(" "),
    { step: "50 millis", within: "2 seconds" },
  )

/** Answers one question of the run. */
export const answered = (runId: RunId, id: string, payload: unknown) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, [resolved(id, payload)]))
