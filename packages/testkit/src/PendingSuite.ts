/** What every store must do about how many runs of a limit are pending: further ones are refused. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofName } from "@runlease/core/Limits"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Either, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const inputOf = (publicId: string, input: Partial<SubmissionInput> = {}): SubmissionInput => ({
  agentId: "agent",
  publicId,
  limits: { api: "eu" },
  ...input,
})

/** What becomes of a submission: "accepted", or why not. */
const verdictOf = (publicId: string, input: Partial<SubmissionInput> = {}) =>
  Effect.flatMap(Runs, (runs) =>
    Effect.map(Effect.either(runs.submit(inputOf(publicId, input))), (verdict) =>
      Either.isRight(verdict) ? (verdict.right.duplicate ? "duplicate" : "accepted") : verdict.left._tag,
    ),
  )

const refused = "TooManyPending"

/** Declares the tests of pending runs. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Pending runs of a limit (${name})`, () => {
    test(
      "a submission is refused while its key has too many that have not begun, and sent again it is accepted later",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const runs = yield* Runs
        const { define } = yield* Limits
        yield* define(ofName("api"), { maxRunning: 1, maxPending: 1 })
        deepStrictEqual(yield* Effect.all([verdictOf("1"), verdictOf("2"), verdictOf("3"), verdictOf("1")]), [
          "accepted",
          "accepted",
          refused,
          "duplicate",
        ])
        const error = yield* Effect.flip(runs.submit(inputOf("3")))
        deepStrictEqual(
          error._tag === refused && [error.name, error.key, error.maxPending, error.retryAfterSeconds > 0],
          ["api", "eu", 1, true],
        )
        strictEqual(yield* verdictOf("us", { limits: { api: "us" } }), "accepted")
        strictEqual(yield* verdictOf("without a limit", { limits: {} }), "accepted")
        const claimed = yield* TestRuns.claim(worker, { limit: 1 })
        strictEqual(yield* verdictOf("3"), refused)
        yield* TestRuns.complete(claimed[0]!)
        strictEqual(yield* verdictOf("3"), "accepted")
        strictEqual(yield* verdictOf("4"), refused)
        strictEqual((yield* Effect.flip(runs.retry(claimed[0]!.runId)))._tag, refused)
      }),
    )

    test(
      "of submissions that are sent together, those that are too many are refused",
      Effect.gen(function* () {
        const { define } = yield* Limits
        const runs = yield* Runs
        yield* define(ofName("api"), { maxRunning: 1, maxPending: 1 })
        const verdicts = yield* runs.submitMany([
          inputOf("1"),
          inputOf("us", { limits: { api: "us" } }),
          inputOf("2"),
          inputOf("3"),
          inputOf("1"),
          inputOf("other", { limits: {} }),
        ])
        deepStrictEqual(
          verdicts.map((verdict) => (Either.isRight(verdict) ? "accepted" : verdict.left._tag)),
          ["accepted", "accepted", "accepted", refused, "accepted", "accepted"],
        )
      }),
    )

    test(
      "a run that a worker has had does not count, wherever it waits, and a delayed one does",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        const leases = yield* Leases
        yield* define(ofName("api"), { maxPending: 1 })
        strictEqual(yield* verdictOf("waits"), "accepted")
        strictEqual(yield* verdictOf("2"), refused)
        const waits = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        const delayed = { availableAt: yield* TestRuns.after("1 hour") }
        strictEqual(yield* verdictOf("delayed", delayed), "accepted")
        strictEqual(yield* verdictOf("2"), refused)
      }),
    )

    test(
      "with 0 a run is accepted if it may start at once: a rate that drops what comes too early",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        const leases = yield* Leases
        const runs = yield* Runs
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 60 }, maxPending: 0 })
        strictEqual(yield* verdictOf("1"), "accepted")
        strictEqual(yield* verdictOf("2"), refused)
        const first = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(first), TestRuns.forToolCall())
        const error = yield* Effect.flip(runs.submit(inputOf("2")))
        const seconds = error._tag === refused ? error.retryAfterSeconds : 0
        strictEqual(seconds > 0 && seconds <= 60, true)
        yield* TestClock.adjust("61 seconds")
        strictEqual(yield* verdictOf("2"), "accepted")
        strictEqual(yield* verdictOf("3"), refused)
        deepStrictEqual(
          (yield* TestRuns.claim(worker, { limit: 10 })).map(({ runId }) => runId),
          ["2"],
        )
      }),
    )

    test(
      "a child is accepted, since its parent works already, and counts",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        const leases = yield* Leases
        yield* define(ofName("api"), { maxPending: 1 })
        const parent = yield* TestRuns.hold(worker, { publicId: "parent" })
        const spawn = (stepId: string) =>
          leases.spawn(TestRuns.leaseOf(parent), {
            stepId,
            name: stepId,
            submission: { agentId: "agent", publicId: stepId, limits: { api: "eu" } },
          })
        yield* spawn("one")
        yield* spawn("two")
        strictEqual(yield* verdictOf("another"), refused)
      }),
    )

    test(
      "a submission that becomes no new run is not refused",
      Effect.gen(function* () {
        const { define } = yield* Limits
        yield* define(ofName("api"), { maxPending: 1 })
        const inLane = { snapshot: RequestSnapshot.fromText("more"), concurrencyKey: "lane" }
        strictEqual(yield* verdictOf("1", inLane), "accepted")
        strictEqual(yield* verdictOf("2", { ...inLane, multitask: "steer" }), "accepted")
        strictEqual(
          yield* verdictOf("3", { ...inLane, multitask: "steer", concurrencyKey: "other" }),
          refused,
        )
        const debounced = { limits: { api: "us" }, debounce: { key: "key", seconds: 60 } }
        strictEqual(yield* verdictOf("4", debounced), "accepted")
        strictEqual(yield* verdictOf("5", debounced), "accepted")
        strictEqual(yield* verdictOf("6", { limits: { api: "us" } }), refused)
      }),
    )

    test(
      "a submission that replaces one in its lane is accepted in its place",
      Effect.gen(function* () {
        const { define } = yield* Limits
        yield* define(ofName("api"), { maxPending: 1 })
        const newest = { concurrencyKey: "lane", multitask: "latest" as const }
        strictEqual(yield* verdictOf("1", newest), "accepted")
        strictEqual(yield* verdictOf("2", newest), "accepted")
        strictEqual(yield* verdictOf("3", { concurrencyKey: "lane" }), refused)
      }),
    )
  })
}
