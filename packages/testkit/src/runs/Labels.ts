/** Runs suite: the labels of runs, how they change, and the lists that they find. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import type { Labels } from "@runlease/core/Labels"
import { Leases } from "@runlease/core/Leases"
import { type ListRuns, Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const labelsOf = (runId: Ids.RunId) => Effect.map(TestRuns.getRun(runId), ({ labels }) => labels)

const found = (options: ListRuns) =>
  Effect.flatMap(Runs, (runs) =>
    Effect.map(runs.list({ limit: 100, ...options }), ({ items }) => items.map(({ runId }) => runId)),
  )

const numbered = (count: number): Labels =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, "v"]))

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a run has the labels of its submission, in every answer and next to other runs",
    Effect.gen(function* () {
      const runs = yield* Runs
      const labels = { customer: "42", tier: "gold: ÄÖ" }
      const request = TestRuns.submission({
        publicId: "labelled",
        labels: { tier: labels.tier, customer: "42" },
      })
      deepStrictEqual((yield* runs.submit(request)).run.labels, labels)
      deepStrictEqual((yield* TestRuns.submit()).labels, {})
      const repeat = yield* runs.submit(request)
      deepStrictEqual([repeat.duplicate, repeat.run.labels], [true, labels])
      deepStrictEqual(yield* labelsOf(repeat.run.runId), labels)
      deepStrictEqual((yield* runs.cancel(repeat.run.runId)).run.labels, labels)
      const other = TestRuns.submission({ publicId: "labelled", labels: { customer: "43" } })
      strictEqual(yield* TestRuns.verdictOf(runs.submit(other)), "SubmissionConflict")
      const { items } = yield* runs.list()
      deepStrictEqual(
        items.map((run) => run.labels),
        [{}, labels],
      )
    }),
  )

  test(
    "submit refuses labels that no run can have, and names the field",
    Effect.gen(function* () {
      const runs = yield* Runs
      const refused = (labels: Labels) => Effect.flip(runs.submit(TestRuns.submission({ labels })))
      const wrong: ReadonlyArray<Labels> = [
        numbered(17),
        { Customer: "42" },
        { "": "42" },
        { "a b": "42" },
        { [`n${"n".repeat(64)}`]: "42" },
        { a: "" },
        { a: "v".repeat(129) },
        { a: "line\nbreak" },
        { a: "\u202e" },
      ]
      for (const labels of wrong) {
        const error = yield* refused(labels)
        strictEqual(error._tag, "InvalidSubmission")
        if (error._tag === "InvalidSubmission") strictEqual(error.field.split(".").includes("labels"), true)
      }
      strictEqual((yield* runs.list()).items.length, 0)
      deepStrictEqual((yield* TestRuns.submit({ labels: numbered(16) })).labels, numbered(16))
      const widest = { [`n${"n".repeat(63)}`]: "v".repeat(128) }
      deepStrictEqual((yield* TestRuns.submit({ labels: widest })).labels, widest)
    }),
  )

  test(
    "children, retries and forks have the labels of the run that they come from, as it has them then",
    Effect.gen(function* () {
      const [leases, runs] = [yield* Leases, yield* Runs]
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker, { labels: { customer: "42", tier: "gold" } })
      const lease = TestRuns.leaseOf(parent)
      const spawn = (stepId: string, labels: Labels | undefined, detached = false) =>
        Effect.flatMap(
          leases.spawn(lease, {
            stepId,
            name: stepId,
            detached,
            submission: { agentId: "agent", publicId: `child-${stepId}`, ...(labels && { labels }) },
          }),
          ({ runId }) => labelsOf(runId),
        )
      deepStrictEqual(yield* spawn("a", undefined), { customer: "42", tier: "gold" })
      deepStrictEqual(yield* spawn("b", { tier: "lead", step: "b" }), {
        customer: "42",
        step: "b",
        tier: "lead",
      })
      deepStrictEqual(yield* spawn("c", undefined, true), { customer: "42", tier: "gold" })
      const tooMany = { agentId: "agent", publicId: "child-d", labels: numbered(15) }
      strictEqual(
        yield* TestRuns.verdictOf(leases.spawn(lease, { stepId: "d", name: "d", submission: tooMany })),
        "InvalidSubmission",
      )
      yield* TestRuns.complete(parent)
      yield* runs.label(parent.runId, { customer: "43", tier: null })
      const options = { publicId: "retried" }
      deepStrictEqual((yield* runs.retry(parent.runId, options)).run.labels, { customer: "43" })
      yield* runs.label(parent.runId, { customer: "44" })
      const repeat = yield* runs.retry(parent.runId, options)
      deepStrictEqual([repeat.duplicate, repeat.run.labels], [true, { customer: "43" }])
      const fork = yield* runs.fork(parent.runId, { after: parent.latestEventId })
      deepStrictEqual(fork.run.labels, { customer: "44" })
      deepStrictEqual((yield* found({ labels: { customer: "42" } })).length, 3)
    }),
  )

  test(
    "labels change in any state of a run, and nothing else of it does",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { runId } = claimed
      const before = yield* TestRuns.getRun(runId)
      const labelled = yield* runs.label(runId, { a: "1", b: "2" })
      deepStrictEqual(labelled, { ...before, labels: { a: "1", b: "2" } })
      deepStrictEqual(yield* TestRuns.getRun(runId), labelled)
      deepStrictEqual((yield* runs.label(runId, { a: "3", b: null, c: "4", d: null })).labels, {
        a: "3",
        c: "4",
      })
      deepStrictEqual(yield* found({ labels: { a: "3" } }), [runId])
      deepStrictEqual(yield* found({ labels: { a: "1" } }), [])
      yield* TestRuns.complete(claimed)
      const ended = yield* TestRuns.getRun(runId)
      deepStrictEqual(yield* runs.label(runId, { a: null, c: null }), { ...ended, labels: {} })
      deepStrictEqual(yield* found({ labels: { a: "3" } }), [])
      deepStrictEqual(yield* runs.label(runId, {}), { ...ended, labels: {} })
      strictEqual(yield* TestRuns.verdictOf(runs.label(Ids.RunId.make("none"), { a: "1" })), "RunNotFound")
      const refused: ReadonlyArray<Labels> = [{ A: "1" }, { a: "" }, { a: "line\nbreak" }, numbered(17)]
      for (const wrong of refused) {
        strictEqual(yield* TestRuns.verdictOf(runs.label(runId, wrong)), "LabelsRefused")
      }
    }),
  )

  test(
    "changes at once each apply, and one that leaves more than 16 labels changes nothing",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* TestRuns.submit()
      yield* Effect.forEach(
        Object.entries(numbered(16)),
        ([name, value]) => runs.label(runId, { [name]: value }),
        {
          concurrency: "unbounded",
          discard: true,
        },
      )
      deepStrictEqual(yield* labelsOf(runId), numbered(16))
      strictEqual(yield* TestRuns.verdictOf(runs.label(runId, { more: "v" })), "LabelsRefused")
      deepStrictEqual(yield* labelsOf(runId), numbered(16))
      const swapped = yield* runs.label(runId, { more: "v", n0: null })
      strictEqual(Object.keys(swapped.labels).length, 16)
    }),
  )

  test(
    "a list has the runs with all of its labels, newest first, besides its other conditions",
    Effect.gen(function* () {
      const [conversations, runs] = [yield* Conversations, yield* Runs]
      const { id: conversationId } = yield* conversations.create()
      yield* TestRuns.submit({ publicId: "a", labels: { customer: "42", tier: "gold" } })
      yield* TestRuns.submit({ publicId: "b", labels: { customer: "42" }, agentId: "other" })
      yield* TestRuns.submit({ publicId: "c", labels: { customer: "43", tier: "gold" } })
      yield* TestRuns.submit({ publicId: "d", labels: { customer: "42", tier: "gold" }, conversationId })
      yield* TestRuns.submit({ publicId: "e" })
      yield* runs.cancel(Ids.RunId.make("a"))
      const customer = { customer: "42" }
      deepStrictEqual(yield* found({ labels: customer }), ["d", "b", "a"])
      deepStrictEqual(yield* found({ labels: { ...customer, tier: "gold" } }), ["d", "a"])
      deepStrictEqual(yield* found({ labels: { ...customer, tier: "tin" } }), [])
      deepStrictEqual(yield* found({ labels: { customer: "4" } }), [])
      deepStrictEqual(yield* found({ labels: customer, status: "cancelled" }), ["a"])
      deepStrictEqual(yield* found({ labels: customer, status: "pending" }), ["d", "b"])
      deepStrictEqual(yield* found({ labels: customer, agentId: Ids.AgentId.make("other") }), ["b"])
      deepStrictEqual(yield* found({ labels: customer, conversationId }), ["d"])
      deepStrictEqual(yield* found({ labels: {} }), ["e", "d", "c", "b", "a"])
      const first = yield* runs.list({ labels: customer, limit: 2 })
      const second = yield* runs.list({ labels: customer, limit: 2, cursor: first.next ?? undefined })
      deepStrictEqual(
        [first, second].map(({ items }) => items.map(({ runId }) => runId)),
        [["d", "b"], ["a"]],
      )
      strictEqual(second.next, null)
    }),
  )
}
