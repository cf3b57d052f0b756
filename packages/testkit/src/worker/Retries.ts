/**
 * Tests of runs that are submitted once more with what they had recorded.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  Child,
  Emit,
  Executor,
  Ids,
  Inbox,
  Interrupts,
  RequestSnapshot,
  type Run,
  Runs,
  Step,
} from "@runlease/core"
import { Effect, Ref, Schema, Stream } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, start, submit, untilStatus, untilSuspended } from "../TestWorker.js"
import { customs, textsOf } from "./StepRuns.js"

const broken = new Executor.ExecutorError({ code: "broken", message: "It is broken" })

/** Steps that say that they are done, and a run that fails until it is mended. */
const program = Effect.gen(function* () {
  const done = yield* Ref.make<ReadonlyArray<string>>([])
  const mended = yield* Ref.make(false)
  const note = (name: string) => Ref.update(done, (all) => [...all, name])
  return {
    note,
    /** What was done since this was looked at last. */
    done: Ref.getAndSet(done, []),
    step: (name: string) => Step.run(name, Effect.as(note(name), name)),
    mend: Ref.set(mended, true),
    isMended: Ref.get(mended),
    unlessMended: Effect.flatMap(Ref.get(mended), (isMended) => (isMended ? Effect.void : broken)),
  }
})

const retry = (runId: Ids.RunId, options?: Parameters<Runs.Runs["Type"]["retry"]>[1]) =>
  Effect.map(
    Effect.flatMap(Runs.Runs, (runs) => runs.retry(runId, options)),
    ({ run }) => run.runId,
  )

/** Fails a run, mends the program, and returns the retry of the run once it has ended. */
const failedThenRetried = (mend: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { runId } = yield* submit()
    yield* untilStatus(runId, "failed")
    yield* mend
    const again = yield* retry(runId)
    yield* untilStatus(again, "completed")
    return { runId, again }
  })

/** What the log of a run says of the run that it repeats. */
const repeated = (runId: Ids.RunId) =>
  Effect.map(log(runId), (events) =>
    events.flatMap(({ name, value }) => (name === "runlease.retry" ? [value] : [])),
  )

const mark = (runId: Ids.RunId, records: number, answers = 0, fromStart = false) => [
  { run_id: runId, records, answers, from_start: fromStart },
]

const resolved = (interruptId: string, payload: unknown) => ({
  interruptId,
  status: "resolved" as const,
  payload,
})

export const tests = (test: Declare): void => {
  test.describe("a retry of a run", () => {
    test.onEachStore(
      "begins with what failed and does no recorded step again, or does all from the start",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { done, mend, note, step, unlessMended } = yield* program
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const paid = yield* Step.stream("pay", Stream.fromEffect(Effect.as(note("pay"), "paid")))
              yield* Emit.text("outside")
              yield* unlessMended
              yield* step("mail")
              return ` ${paid}`
            }),
          ),
        )
        const { again, runId } = yield* failedThenRetried(mend)
        deepStrictEqual(yield* done, ["pay", "mail"])
        // What was recorded is shown as it was, and once; the rest is shown by the retry itself.
        deepStrictEqual(yield* textsOf(again), ["paid", "outside", " paid"])
        deepStrictEqual(yield* repeated(again), mark(runId, 1))
        strictEqual((yield* runs.get(again)).parentRunId, runId)

        // A retry of a retry has the records of both.
        const third = yield* retry(again)
        yield* untilStatus(third, "completed")
        deepStrictEqual(yield* done, [])
        deepStrictEqual(yield* repeated(third), mark(again, 2))

        const publicId = Ids.RunId.make("anew")
        const anew = yield* retry(again, { fromStart: true, publicId })
        yield* untilStatus(anew, "completed")
        deepStrictEqual(yield* done, ["pay", "mail"])
        deepStrictEqual(yield* repeated(anew), mark(again, 0, 0, true))
        strictEqual((yield* runs.retry(again, { fromStart: true, publicId })).duplicate, true)
        strictEqual(yield* TestRuns.verdictOf(runs.retry(again, { publicId })), "SubmissionConflict")
        deepStrictEqual(yield* done, [])
      }),
    )

    test(
      "does a recorded failure again, unless the program went on after it",
      Effect.gen(function* () {
        const { done, isMended, mend, note, step } = yield* program
        const declined = (name: string) =>
          Step.run(
            name,
            Effect.flatMap(Effect.zipRight(note(name), isMended), (is) =>
              is ? Effect.succeed("accepted") : Effect.fail("declined"),
            ),
            { failure: Schema.String },
          )
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const card = yield* Effect.orElse(declined("card"), () => step("invoice"))
              return `${card} ${yield* Effect.mapError(declined("mail"), () => broken)}`
            }),
          ),
        )
        const { again } = yield* failedThenRetried(mend)
        deepStrictEqual(yield* done, ["card", "invoice", "mail", "mail"])
        deepStrictEqual(yield* textsOf(again), ["invoice accepted"])
      }),
    )

    test(
      "has the answers of before, and poses the questions again from the start",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { done, mend, step, unlessMended } = yield* program
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const yes = yield* Interrupts.approve("refund", { message: "Refund it?" })
              yield* unlessMended
              return yes ? yield* step("refund") : "declined"
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* runs.resume(runId, [resolved("refund", { approved: true })])
        yield* untilStatus(runId, "failed")
        yield* mend
        const again = yield* retry(runId)
        yield* untilStatus(again, "completed")
        deepStrictEqual(yield* done, ["refund"])
        deepStrictEqual(yield* repeated(again), mark(runId, 0, 1))
        const anew = yield* retry(again, { fromStart: true })
        yield* untilSuspended(anew)
        deepStrictEqual(yield* done, [])
      }),
    )

    test(
      "does not do a step that may have happened, and has the messages that were consumed",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { done, mend, note, unlessMended } = yield* program
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const [message] = yield* Inbox.drain("read")
              yield* Step.atMostOnce("pay", Effect.zipRight(note("pay"), unlessMended)).pipe(
                Effect.catchTag("StepError", ({ reason }) => note(reason)),
              )
              return message === undefined ? "none" : JSON.stringify(message.parts)
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit({
          publicId: Ids.RunId.make("written-to"),
          availableAt: yield* TestRuns.after("1 second"),
        })
        yield* runs.tell(runId, { parts: [{ type: "text", text: "Shorter" }] })
        yield* TestRuns.eventually(runs.get(runId), ({ status }) => status === "failed")
        yield* mend
        const again = yield* retry(runId)
        yield* untilStatus(again, "completed")
        deepStrictEqual(yield* done, ["pay", "uncertain"])
        deepStrictEqual(yield* textsOf(again), ['[{"type":"text","text":"Shorter"}]'])
      }),
    )

    test.onEachStore(
      "does not spawn again the children that have completed, and retries those that have failed",
      Effect.gen(function* () {
        const { done, mend, note, step, unlessMended } = yield* program
        const Helper = Agent.make({ name: "helper" })
        yield* start(
          Executor.from((claimed: Run.ClaimedRun) =>
            claimed.agentId === "helper"
              ? Effect.gen(function* () {
                  const text = RequestSnapshot.lastUserText(claimed.snapshot)
                  yield* note(text)
                  if (text === "second") {
                    yield* step("pay")
                    yield* unlessMended
                  }
                  return text
                })
              : Effect.gen(function* () {
                  const first = yield* Child.join(yield* Child.spawn("first", Helper, "first"))
                  yield* Child.spawn("beside", Helper, "beside", { detached: true })
                  const second = yield* Child.spawn("second", Helper, "second")
                  return `${first} ${yield* Effect.mapError(Child.join(second), () => broken)}`
                }),
          ),
        )
        const { runId } = yield* submit()
        yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "failed")
        yield* mend
        const again = yield* retry(runId)
        yield* TestRuns.eventually(TestRuns.getRun(again), ({ status }) => status === "completed")
        deepStrictEqual((yield* done).toSorted(), ["beside", "first", "pay", "second", "second"])
        deepStrictEqual(yield* textsOf(again), ["first second"])
        deepStrictEqual((yield* customs(again)).filter((name) => name === "runlease.child").length, 5)
      }),
    )
  })
}
