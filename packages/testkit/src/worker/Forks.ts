/**
 * Tests of runs that go on from what another run had recorded.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  AgentEvent,
  Child,
  Emit,
  Executor,
  RequestSnapshot,
  Run,
  RunLog,
  Runs,
  Step,
  StepRecord,
} from "@runlease/core"
import { DateTime, Effect, Option, Ref } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, untilStatus } from "../TestWorker.js"
import { counting, textsOf } from "./StepRuns.js"

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
}
