/** Tests of runs that begin with what another run had recorded: forks and retries. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  AgentEvent,
  Child,
  Emit,
  Executor,
  Ids,
  Inbox,
  Interrupts,
  RequestSnapshot,
  Run,
  RunLog,
  Runs,
  Step,
  StepRecord,
} from "@runlease/core"
import { DateTime, Effect, Option, Predicate, Ref, Schema, Stream, Struct } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, untilStatus, untilSuspended } from "../TestWorker.js"
import { counting, customs, textsOf } from "./StepRuns.js"

/** The event of the record of a step with that name. */
const recordOf = (runId: Run.Run["runId"], name: string) =>
  Effect.map(
    Effect.flatMap(RunLog.RunLog, (all) => all.read({ runId, only: "records" })),
    (entries) =>
      entries.findLast(({ event }) =>
        Option.exists(
          StepRecord.fromEvent(event),
          ({ kind, record }) => kind === "step" && record.name === name,
        ),
      )!.eventId,
  )

const fork = (runId: Run.Run["runId"], after: Run.EventId, publicId?: string) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.fork(runId, { after, publicId }))

export const tests = (test: Declare): void => {
  test.describe("a fork of a run", () => {
    test.onEachStore(
      "does not do again what was recorded by then, and does what came after it",
      Effect.gen(function* () {
        const done = yield* Ref.make<ReadonlyArray<string>>([])
        const large = "x".repeat(600_000)
        const step = (name: string, value: string | number) =>
          Step.run(
            name,
            Effect.as(
              Ref.update(done, (all) => [...all, name]),
              value,
            ),
          )
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Emit.text("outside")
              const first = yield* step("first", large)
              yield* Step.emit("shown", [
                AgentEvent.textStart("m"),
                ...Array.from("recorded", (delta) => AgentEvent.textContent("m", delta)),
                AgentEvent.textEnd("m"),
              ])
              yield* step("second", 2)
              yield* step("third", 3)
              return String(first === large)
            }),
          ),
        )
        const { run: original } = yield* Effect.flatMap(Runs.Runs, (runs) =>
          runs.submit({
            agentId: "agent" as never,
            snapshot: RequestSnapshot.fromText("hi"),
            maxAttempts: 2,
            priority: 3,
          }),
        )
        yield* untilStatus(original.runId, "completed")
        const at = yield* recordOf(original.runId, "second")
        const { duplicate, run: forked } = yield* fork(original.runId, at, "forked")
        deepStrictEqual(
          [duplicate, forked.runId, forked.parentRunId, forked.conversationId, forked.priority],
          [false, "forked", original.runId, original.conversationId, 3],
        )
        yield* untilStatus(forked.runId, "completed")
        deepStrictEqual(yield* Ref.get(done), ["first", "second", "third", "third"])
        strictEqual((yield* fork(original.runId, at, "forked")).duplicate, true)
        const events = yield* log(forked.runId)
        deepStrictEqual(events[0]?.type, "RUN_STARTED")
        const texts = yield* textsOf(forked.runId)
        deepStrictEqual(texts.slice(0, 2), ["recorded", "outside"])
        // Nothing that an attempt shows outside of its steps was recorded.
        strictEqual(texts.filter((text) => text === "outside").length, 1)
        const early = yield* fork(original.runId, Run.EventId.make(1))
        yield* untilStatus(early.run.runId, "completed")
        deepStrictEqual((yield* Ref.get(done)).slice(4), ["first", "second", "third"])
        const again = yield* fork(forked.runId, yield* recordOf(forked.runId, "third"))
        yield* untilStatus(again.run.runId, "completed")
        strictEqual((yield* Ref.get(done)).length, 7)
      }),
    )

    test.onEachStore(
      "makes a step that had begun and has no result, spawns its children anew, and sleeps no sleep that was over",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(({ agentId, runId }) =>
            Effect.gen(function* () {
              if (agentId === "other") return "child"
              yield* Step.sleep("nap", "1 second")
              yield* Child.join(yield* Child.spawn("child", Agent.make({ name: "other" }), "hi"))
              yield* Step.run("before", Effect.void)
              const paid = yield* Step.atMostOnce("pay", next)
              return runId.startsWith("forked") ? `paid ${paid}` : "first"
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed")
        strictEqual(yield* count, 1)
        const entries = yield* Effect.flatMap(RunLog.RunLog, (all) => all.read({ runId, only: "records" }))
        const intent = entries.find(({ event }) => event["name"] === "runlease.intent")!.eventId
        const { run: forked } = yield* fork(runId, intent, "forked-1")
        yield* TestRuns.eventually(run(forked.runId), ({ status }) => status === "completed")
        strictEqual(yield* count, 2)
        const records = yield* Effect.flatMap(RunLog.RunLog, (all) =>
          all.read({ runId: forked.runId, only: "records" }),
        )
        const [sleep] = records.flatMap(({ event }) => Option.toArray(StepRecord.fromEvent(event)))
        deepStrictEqual([sleep?.kind, sleep?.record.duration_ms], ["sleep", undefined])
        assertTrue(DateTime.lessThanOrEqualTo(sleep!.record.until!, forked.createdAt))
        const children = records.flatMap(({ event }) =>
          Option.toArray(StepRecord.fromEvent(event)).filter(({ kind }) => kind === "child"),
        )
        const { items } = yield* Effect.flatMap(Runs.Runs, (runs) => runs.list({ parentRunId: forked.runId }))
        deepStrictEqual(
          children.map(({ record }) => record.child_run_id),
          items.map((child) => child.runId),
        )
      }),
    )

    test.onEachStore(
      "copies up to 10,000 records in one commit, and is refused with more",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const { runId } = claimed
        for (let batch = 0; batch < 101; batch++) {
          const records = Array.from({ length: RunLog.maxBatch }, (_, index) =>
            AgentEvent.custom("runlease.step", {
              step_id: `${batch}.${index}`,
              record_id: `${batch}.${index}`,
              name: "n",
            }),
          )
          yield* TestRuns.append(claimed, records)
        }
        const { run: forked } = yield* runs.fork(runId, { after: Run.EventId.make(10_001) })
        deepStrictEqual([Number(forked.latestEventId), Number(forked.latestSequence)], [10_001, 10_000])
        const page = yield* Effect.flatMap(RunLog.RunLog, (all) =>
          all.read({ runId: forked.runId, after: Run.EventId.make(10_000), only: "records" }),
        )
        deepStrictEqual(
          page.map(({ event }) => Option.getOrThrow(StepRecord.fromEvent(event)).record.step_id),
          ["99.99"],
        )
        const refused = yield* Effect.flip(runs.fork(runId, { after: Run.EventId.make(10_002) }))
        strictEqual(refused._tag === "ForkRefused" ? refused.reason : refused._tag, "too_large")
      }),
    )

    test.onEachStore(
      "is refused where the log has no such event, and for a run that is not there",
      Effect.gen(function* () {
        const { runId } = yield* submit()
        const runs = yield* Runs.Runs
        const refused = yield* Effect.flip(runs.fork(runId, { after: Run.EventId.make(99) }))
        deepStrictEqual(
          refused._tag === "ForkRefused" ? [refused.reason, refused.after, refused.runId] : refused._tag,
          ["no_event", 99, runId],
        )
        strictEqual(
          yield* TestRuns.verdictOf(runs.fork("unknown" as typeof runId, { after: Run.EventId.make(1) })),
          "RunNotFound",
        )
      }),
    )
  })

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

/** What the log of a run says of the run that it repeats, without the author, whom only a server names. */
const repeated = (runId: Ids.RunId) =>
  Effect.map(log(runId), (events) =>
    events.flatMap(({ name, value }) =>
      name === "runlease.retry" && Predicate.isRecord(value) ? [Struct.omit(value, "by")] : [],
    ),
  )

const mark = (runId: Ids.RunId, records: number, answers = 0, fromStart = false) => [
  { run_id: runId, records, answers, from_start: fromStart },
]

const resolved = (interruptId: string, payload: unknown) => ({
  interruptId,
  status: "resolved" as const,
  payload,
})
