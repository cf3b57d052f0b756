/**
 * Tests of steps that a Stream reports: another program has done them.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Step } from "@runlease/core"
import { ReportedSteps, StepCodec } from "@runlease/core/executor"
import { Effect, Stream } from "effect"
import { log, start, submit, type Declare, untilStatus } from "../TestWorker.js"
import { customs } from "./StepRuns.js"

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

export const tests = (test: Declare): void => {
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
