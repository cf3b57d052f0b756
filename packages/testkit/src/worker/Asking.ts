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

/** The name of a question, as the id of its interrupt has it: a hash follows the name of one inside a step. */
export const nameIn = (id: string): string => id.split(":", 1)[0]!

/** Waits until the run is suspended for the questions of these names. */
export const untilWaitsFor = (runId: RunId, ...names: ReadonlyArray<string>) =>
  TestRuns.eventually(
    run(runId),
    ({ waiting }) => waiting?.interrupts.map(({ id }) => nameIn(id)).join(" ") === names.join(" "),
    { step: "50 millis", within: "2 seconds" },
  )

/** Answers the open question of that name. */
export const answered = (runId: RunId, name: string, payload: unknown) =>
  Effect.gen(function* () {
    const { waiting } = yield* run(runId)
    const question = waiting?.interrupts.find(({ id }) => nameIn(id) === name)
    return yield* (yield* Runs.Runs).resume(runId, [resolved(question?.id ?? name, payload)])
  })
