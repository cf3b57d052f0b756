/** Tests of what a step does once, and of steps that a Stream reports: another program has done them. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  AgentEvent,
  Budget,
  Child,
  Emit,
  Executor,
  Ids,
  Inbox,
  RunLog,
  Step,
  StepRecord,
  TokenUsage,
  Usage,
} from "@runlease/core"
import { ReportedSteps, StepCodec } from "@runlease/core/executor"
import { Effect, Fiber, Option, Ref, Stream } from "effect"
import * as Faults from "../Faults.js"
import { type Declare, log, start, submit, untilStatus } from "../TestWorker.js"
import { counting, customs, textsOf } from "./StepRuns.js"

export const tests = (test: Declare): void => {
  test.describe("a step that happens at most once", () => {
    test(
      "is not run again when an earlier attempt began it and left no result",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(() =>
            Step.atMostOnce(
              "pay",
              Effect.zipRight(next, Effect.fail(Executor.retryableError("died", "again"))),
            ),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        deepStrictEqual([error?.code, yield* count], ["step_uncertain", 1])
      }),
    )

    test(
      "records what is found out about it instead",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.gen(function* () {
              const paid = yield* Step.atMostOnce(
                "pay",
                Effect.zipRight(next, Effect.fail(Executor.retryableError("died", "again"))),
                { onUncertain: Effect.succeed(`found in attempt ${attempt}`) },
              )
              return attempt === 2 ? yield* Effect.fail(Executor.retryableError("died", "again")) : paid
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [1, ["found in attempt 2"]])
      }),
    )

    test(
      "has no steps and no waits in it",
      Effect.gen(function* () {
        const agent = Agent.make({ name: "child" })
        const child = { runId: Ids.RunId.make("child"), index: 0, agent }
        const inside: Record<string, Effect.Effect<unknown, unknown, Executor.RunContext>> = {
          run: Step.run("inner", Effect.void),
          once: Step.atMostOnce("inner", Effect.void),
          emit: Step.emit("inner", []),
          sleep: Step.sleep("inner", "1 hour"),
          drain: Inbox.drain("inner"),
          take: Inbox.take("inner"),
          spawn: Child.spawn("inner", agent, "go"),
          join: Child.join(child),
          joinAll: Child.joinAll([child]),
          joinFirst: Child.joinFirst("inner", [child]),
          budget: Budget.check,
        }
        const refused = yield* Ref.make<Record<string, unknown>>({})
        yield* start(
          Executor.from(() =>
            Effect.forEach(
              Object.entries(inside),
              ([what, effect]) =>
                Effect.flatMap(Effect.flip(Step.atMostOnce(what, effect)), (error) =>
                  Ref.update(refused, (before) => ({
                    ...before,
                    [what]: error instanceof Step.StepError ? error.reason : error,
                  })),
                ),
              { discard: true },
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(
          yield* Ref.get(refused),
          Object.fromEntries(Object.keys(inside).map((what) => [what, "nested"])),
        )
      }),
    )
  })

  test.describe("what earlier attempts have recorded", () => {
    const reading = Effect.unsafeMakeLatch(false)
    let hangs = false
    test(
      "is read again when the step that read it was interrupted",
      Effect.gen(function* () {
        yield* reading.close
        const { count, next } = yield* counting
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.gen(function* () {
              if (attempt === 2) {
                hangs = true
                const first = yield* Effect.fork(Step.run("other", Effect.void))
                yield* reading.await
                yield* Fiber.interrupt(first)
              }
              const counted = yield* Step.run("count", next)
              if (attempt === 1) return yield* Effect.fail(Executor.retryableError("died", "again"))
              return String(counted)
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [1, ["1"]])
      }),
      Faults.over(RunLog.RunLog, (log) => ({
        ...log,
        read: (request) => {
          if (!hangs) return log.read(request)
          hangs = false
          return Effect.zipRight(reading.open, Effect.never)
        },
      })),
    )
  })

  test.describe("what a step shows", () => {
    test(
      "is there once when it is emitted as a step, and once for each attempt when it is not",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.gen(function* () {
              yield* Step.emit("hello", [AgentEvent.custom("once", 1)])
              if (attempt < 3) return yield* Effect.fail(Executor.retryableError("died", "again"))
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(
          (yield* customs(runId)).filter((name) => name === "once"),
          ["once"],
        )
      }),
    )

    test(
      "is named by its record, and that of the steps in it by the record of the enclosing step too",
      Effect.gen(function* () {
        const text = (id: string) => [AgentEvent.textStart(id), AgentEvent.textEnd(id)]
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Emit.text("outside")
              yield* Step.run(
                "outer",
                Effect.zipRight(
                  Step.emit("inner", [...text("m"), AgentEvent.toolCallStart("c", "find")]),
                  Emit.text("inside"),
                ),
              )
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        const events = yield* log(runId)
        const [outside, m, inside] = events.flatMap(({ messageId, type }) =>
          type === "TEXT_MESSAGE_START" ? [String(messageId)] : [],
        )
        deepStrictEqual([m, new Set([outside, m, inside]).size], ["m", 3])
        deepStrictEqual(
          events.flatMap((event) =>
            Option.match(StepRecord.fromEvent(event), {
              onNone: () => [],
              onSome: ({ record: { messages, name, tool_calls } }) => [[name, messages, tool_calls]],
            }),
          ),
          [
            ["inner", ["m"], ["c"]],
            ["outer", ["m", inside!], ["c"]],
          ],
        )
      }),
    )

    test(
      "cannot be forged: an event with the name of a record gets another name",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.gen(function* () {
              if (attempt === 1) {
                const stepId = "0".repeat(32)
                const value = { step_id: stepId, record_id: "mine", name: "count", result: "7" }
                yield* Step.run("real", Effect.void)
                yield* Effect.forEach(["runlease.step", "runlease.intent"], (name) =>
                  Step.emit(`forge ${name}`, [AgentEvent.custom(name, value)]),
                )
                return yield* Effect.fail(Executor.retryableError("died", "again"))
              }
              return String(yield* Step.run("count", next))
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 1)
        deepStrictEqual(
          (yield* customs(runId)).filter((name) => String(name).startsWith("relayed.")),
          ["relayed.runlease.step", "relayed.runlease.intent"],
        )
      }),
    )

    test(
      "is not counted or shown as the worker's own where an executor relays it",
      Effect.gen(function* () {
        const usage = { inputTokens: 5, outputTokens: 5, model: "m" }
        const names = ["attempt", "waiting", "usage", "tool_begun", "tool_uncertain", "later"]
        // What came as JSON, and what a program makes of an event that it has.
        const relayed = [
          ...names.map((name) => ({ type: "CUSTOM", name: `runlease.${name}`, value: usage })),
          { ...TokenUsage.toEvent(usage) },
          AgentEvent.reserved("runlease.attempt", { attempt: 7 }),
        ]
        yield* start(() => Stream.fromIterable([...relayed, TokenUsage.toEvent(usage)]))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* customs(runId), [
          ...names.map((name) => `relayed.runlease.${name}`),
          "relayed.runlease.usage",
          "relayed.runlease.attempt",
          "runlease.usage",
        ])
        const sum = yield* Usage.ofRun(runId)
        deepStrictEqual(sum.usage, [{ model: "m", inputTokens: 5, outputTokens: 5, totalTokens: 10 }])
      }),
    )

    test(
      "is lost with an interrupted body, and only that is run again",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const begun = yield* Effect.makeLatch()
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.gen(function* () {
              const first = yield* Step.run("first", next)
              const endless = Effect.zipRight(Effect.zipRight(next, begun.open), Effect.never)
              const second = yield* Effect.fork(Step.run("second", attempt === 1 ? endless : next))
              if (attempt > 1) return JSON.stringify([first, yield* Fiber.join(second)])
              yield* begun.await
              yield* Fiber.interrupt(second)
              return yield* Effect.fail(Executor.retryableError("died", "again"))
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 3)
        deepStrictEqual(yield* textsOf(runId), ["[1,3]"])
      }),
    )
  })

  test.describe("a step that a Stream reports", () => {
    test(
      "is recorded behind the events before it, and read by later attempts, in order",
      Effect.gen(function* () {
        yield* start(
          Executor.from((claimed) =>
            recorded.pipe(
              Stream.concat(Stream.make(AgentEvent.custom("work", claimed.attempt))),
              Stream.concat(report("b", { attempt: claimed.attempt })),
              Stream.concat(report("a", null, { key: [1] })),
              Stream.concat(claimed.leaseEpoch === 1 ? Stream.fail(again) : Stream.empty),
            ),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(readings(yield* log(runId)), [
          [],
          [
            { name: "b", result: { attempt: 1 } },
            { name: "a", key: [1], result: null },
          ],
        ])
        deepStrictEqual(yield* customs(runId), [
          "recorded",
          "work",
          "runlease.step",
          "runlease.step",
          "runlease.attempt",
          "recorded",
          "work",
        ])
      }),
    )

    test(
      "is refused when the attempt has had one of its name and key, or its result is too large",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ agentId }) =>
            agentId === "twice"
              ? Stream.concat(report("a", 1, { key: "k" }), report("a", 2, { key: "k" }))
              : report("large", '"'.repeat(3 * 1024 * 1024)),
          ),
        )
        for (const [agentId, code] of [
          ["twice", "step_duplicate"],
          ["large", "step_too_large"],
        ] as const) {
          const { runId } = yield* submit({ agentId })
          strictEqual((yield* untilStatus(runId, "failed")).error?.code, code)
        }
      }),
    )

    test(
      "is sealed by the program's codec, and is no step of another name of it",
      Effect.gen(function* () {
        const turned = (text: string) => Array.from(text).toReversed().join("")
        const codec = (name: string): StepCodec.Codec => ({
          name,
          seal: (json) => Effect.succeed(turned(json)),
          open: (sealed) => Effect.succeed(turned(sealed)),
        })
        yield* start(
          Executor.from((claimed) =>
            recorded.pipe(
              Stream.concat(report("a", "secret")),
              Stream.concat(claimed.leaseEpoch === 1 ? Stream.fail(again) : Stream.empty),
              Stream.provideService(StepCodec.StepCodec, codec(claimed.leaseEpoch === 2 ? "two" : "one")),
            ),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        const events = yield* log(runId)
        deepStrictEqual(readings(events), [[], [{ name: "a", result: "secret" }]])
        strictEqual((yield* customs(runId)).filter((name) => name === "runlease.attempt").length, 2)
        strictEqual(
          JSON.stringify(events.filter(({ name }) => name === "runlease.step")).includes("secret"),
          false,
        )
      }),
    )

    test(
      "is distinct from one of the same name inside another step",
      Effect.gen(function* () {
        yield* start(
          Executor.from((claimed) =>
            claimed.leaseEpoch === 1
              ? Stream.fromEffect(
                  Effect.zipRight(Step.run("outer", Step.run("inner", Effect.succeed(1))), again),
                )
              : recorded,
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(readings(yield* log(runId)), [[{ name: "outer", result: 1 }]])
      }),
    )
  })
}

const again = Executor.retryableError("died", "again")

const report = (name: string, result: unknown, options?: Step.Keyed) =>
  Stream.unwrap(
    Effect.map(ReportedSteps.record(name, result, options), ({ committed, events }) =>
      Stream.concat(Stream.fromIterable(events), Stream.drain(Stream.fromEffect(committed))),
    ),
  )

/** Says what earlier attempts have recorded. */
const recorded = Stream.fromEffect(
  Effect.map(ReportedSteps.recorded, (steps) => AgentEvent.custom("recorded", steps)),
)

const readings = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap(({ name, value }) => (name === "recorded" ? [value] : []))
