/** Runs suite: submissions that are sent together. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { maxSubmissions, Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Either } from "effect"
import * as TestRuns from "../TestRuns.js"

const nowhere = Ids.ConversationId.make("00000000-0000-4000-8000-000000000000")

/** What became of each: the id of its run, and whether it is a duplicate; else why it was refused. */
const submitted = (submissions: ReadonlyArray<SubmissionInput>) =>
  Effect.map(
    Effect.flatMap(Runs, (runs) => runs.submitMany(submissions)),
    (verdicts) =>
      verdicts.map((verdict) =>
        Either.isLeft(verdict)
          ? verdict.left._tag
          : verdict.right.duplicate
            ? `${verdict.right.run.runId} again`
            : verdict.right.run.runId,
      ),
  )

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "each of many submissions becomes what it would alone, in its place",
    Effect.gen(function* () {
      const runs = yield* Runs
      const one = (publicId: string, more: Partial<SubmissionInput> = {}) =>
        TestRuns.submission({ publicId, ...more })
      const all = [
        one("a", { labels: { customer: "42" }, batchId: "import-7" }),
        one("a", { labels: { customer: "42" }, batchId: "import-7" }),
        one("a"),
        one("b", { conversationId: nowhere }),
        one("c", { maxAttempts: 0 }),
        one("d", { parentRunId: Ids.RunId.make("a") }),
        one("e", { parentRunId: Ids.RunId.make("none") }),
        one("f", { concurrencyKey: "lane" }),
        one("g", { concurrencyKey: "lane" }),
        one("h", { concurrencyKey: "lane", multitask: "reject" }),
      ]
      deepStrictEqual(yield* submitted(all), [
        "a",
        "a again",
        "SubmissionConflict",
        "ConversationNotFound",
        "InvalidSubmission",
        "d",
        "RunNotFound",
        "f",
        "g",
        "ConversationBusy",
      ])
      const { items } = yield* runs.list()
      deepStrictEqual(
        items.map(({ runId }) => runId),
        ["g", "f", "d", "a"],
      )
      const child = yield* TestRuns.getRun(Ids.RunId.make("d"))
      deepStrictEqual([child.labels, child.batchId], [{ customer: "42" }, null])
      strictEqual((yield* TestRuns.getRun(Ids.RunId.make("a"))).batchId, "import-7")
      deepStrictEqual(yield* submitted(all.slice(0, 1)), ["a again"])
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.claim(worker, { limit: 10 })
      deepStrictEqual(
        claimed.map(({ runId }) => runId),
        ["a", "d", "f"],
      )
    }),
  )

  test(
    "up to 500 are submitted together, none among them, and more are refused",
    Effect.gen(function* () {
      const runs = yield* Runs
      deepStrictEqual(yield* submitted([]), [])
      const many = (count: number) =>
        Array.from({ length: count }, (_, index) => TestRuns.submission({ publicId: `many-${index}` }))
      strictEqual(yield* TestRuns.verdictOf(runs.submitMany(many(maxSubmissions + 1))), "InvalidSubmission")
      strictEqual((yield* runs.list()).items.length, 0)
      deepStrictEqual(
        yield* submitted(many(maxSubmissions)),
        many(maxSubmissions).map(({ publicId }) => publicId),
      )
    }),
  )
}
