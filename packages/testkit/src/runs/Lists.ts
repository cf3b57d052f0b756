/** Runs suite: labels, batches, and the lists that their conditions find. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import type { Labels } from "@runlease/core/Labels"
import { Leases } from "@runlease/core/Leases"
import { type ListRuns, maxSubmissions, Runs, type SubmissionInput } from "@runlease/core/Runs"
import { DateTime, Effect, Either, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

/** The public ids of all pages of a list. */
const found = (options: ListRuns) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const ids: Array<string> = []
    let cursor: string | undefined
    do {
      const page = yield* runs.list({ ...options, limit: 2, cursor })
      ids.push(...page.items.map(({ runId }) => runId))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return ids
  })

const labelsOf = (runId: Ids.RunId) => Effect.map(TestRuns.getRun(runId), ({ labels }) => labels)

const foundByLabels = (options: ListRuns) =>
  Effect.flatMap(Runs, (runs) =>
    Effect.map(runs.list({ limit: 100, ...options }), ({ items }) => items.map(({ runId }) => runId)),
  )

const numbered = (count: number): Labels =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, "v"]))

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
      deepStrictEqual((yield* foundByLabels({ labels: { customer: "42" } })).length, 3)
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
      deepStrictEqual(yield* foundByLabels({ labels: { a: "3" } }), [runId])
      deepStrictEqual(yield* foundByLabels({ labels: { a: "1" } }), [])
      yield* TestRuns.complete(claimed)
      const ended = yield* TestRuns.getRun(runId)
      deepStrictEqual(yield* runs.label(runId, { a: null, c: null }), { ...ended, labels: {} })
      deepStrictEqual(yield* foundByLabels({ labels: { a: "3" } }), [])
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
      deepStrictEqual(yield* foundByLabels({ labels: customer }), ["d", "b", "a"])
      deepStrictEqual(yield* foundByLabels({ labels: { ...customer, tier: "gold" } }), ["d", "a"])
      deepStrictEqual(yield* foundByLabels({ labels: { ...customer, tier: "tin" } }), [])
      deepStrictEqual(yield* foundByLabels({ labels: { customer: "4" } }), [])
      deepStrictEqual(yield* foundByLabels({ labels: customer, status: "cancelled" }), ["a"])
      deepStrictEqual(yield* foundByLabels({ labels: customer, status: "pending" }), ["d", "b"])
      deepStrictEqual(yield* foundByLabels({ labels: customer, agentId: Ids.AgentId.make("other") }), ["b"])
      deepStrictEqual(yield* foundByLabels({ labels: customer, conversationId }), ["d"])
      deepStrictEqual(yield* foundByLabels({ labels: {} }), ["e", "d", "c", "b", "a"])
      const first = yield* runs.list({ labels: customer, limit: 2 })
      const second = yield* runs.list({ labels: customer, limit: 2, cursor: first.next ?? undefined })
      deepStrictEqual(
        [first, second].map(({ items }) => items.map(({ runId }) => runId)),
        [["d", "b"], ["a"]],
      )
      strictEqual(second.next, null)
    }),
  )

  test(
    "a list has the runs with one of the values of each condition, in either order",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const failed = yield* TestRuns.hold(worker, { publicId: "failed", agentId: "a" })
      const error = { code: "TIMEOUT", message: "It took too long" }
      yield* runs.complete(failed.runId, { status: "failed", error }, TestRuns.leaseOf(failed))
      const gold = yield* TestRuns.hold(worker, { publicId: "gold", agentId: "b" })
      const metadata = { customer: { plan: "gold" }, text: "x".repeat(1000) }
      yield* runs.complete(gold.runId, { status: "completed", metadata }, TestRuns.leaseOf(gold))
      yield* TestRuns.hold(worker, { publicId: "running", agentId: "c" })
      yield* TestRuns.submit({ publicId: "pending", agentId: "a", labels: { team: "x" } })

      deepStrictEqual(yield* found({ status: ["pending", "running"] }), ["pending", "running"])
      deepStrictEqual(yield* found({ status: ["failed", "completed", "pending"] }), [
        "pending",
        "gold",
        "failed",
      ])
      deepStrictEqual(yield* found({ status: ["failed"] }), ["failed"])
      deepStrictEqual(yield* found({ agentId: agents("a", "c") }), ["pending", "running", "failed"])
      deepStrictEqual(yield* found({ agentId: agents("a", "c"), status: ["failed", "running"] }), [
        "running",
        "failed",
      ])
      deepStrictEqual(yield* found({ oldestFirst: true }), ["failed", "gold", "running", "pending"])
      deepStrictEqual(yield* found({ oldestFirst: true, agentId: agents("a") }), ["failed", "pending"])
      deepStrictEqual(yield* found({ errorCode: ["TIMEOUT", "broken"] }), ["failed"])
      deepStrictEqual(yield* found({ errorCode: "broken" }), [])
      deepStrictEqual(yield* found({ metadata: { "customer.plan": ["gold", "free"] } }), ["gold"])
      deepStrictEqual(yield* found({ metadata: { "customer.plan": "free" } }), [])
      deepStrictEqual(yield* found({ labels: { team: "x" }, status: ["pending", "running"] }), ["pending"])
      const whole = (yield* runs.list({ metadata: { "customer.plan": "gold" } })).items[0]
      deepStrictEqual(whole, yield* TestRuns.getRun(gold.runId))
    }),
  )

  test(
    "a list without the runs that others have spawned has retries, and no children",
    Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* TestRuns.submit({ publicId: "first" })
      yield* runs.cancel(first.runId)
      yield* runs.retry(first.runId, { publicId: "again" })
      deepStrictEqual(yield* found({ roots: true }), ["again", "first"])
      deepStrictEqual(yield* found({ roots: true, oldestFirst: true }), ["first", "again"])
    }),
  )

  test(
    "a list has the runs that were submitted from one instant on and before another, besides its other conditions",
    Effect.gen(function* () {
      const runs = yield* Runs
      for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
        const labels: Record<string, string> = index < 5 ? { half: "first" } : {}
        const { runId } = yield* TestRuns.submit({ publicId: `n${index}`, labels })
        if (index % 2 === 0) yield* runs.cancel(runId)
        yield* TestClock.adjust("10 seconds")
      }
      const { createdAt } = yield* TestRuns.getRun(Ids.RunId.make("n0"))
      const at = (index: number) => DateTime.addDuration(createdAt, index * 10_000)
      deepStrictEqual(yield* found({ from: at(5) }), ["n7", "n6", "n5"])
      deepStrictEqual(yield* found({ to: at(2) }), ["n1", "n0"])
      deepStrictEqual(yield* found({ from: at(2), to: at(7) }), ["n6", "n5", "n4", "n3", "n2"])
      deepStrictEqual(yield* found({ from: at(3), to: at(3) }), [])
      deepStrictEqual(yield* found({ from: at(8) }), [])
      deepStrictEqual(yield* found({ to: at(0) }), [])
      deepStrictEqual(yield* found({ from: at(1), to: at(7), status: "cancelled" }), ["n6", "n4", "n2"])
      deepStrictEqual(yield* found({ from: at(3), labels: { half: "first" } }), ["n4", "n3"])
      deepStrictEqual(yield* found({ from: at(3), labels: { half: "first" }, status: "pending" }), ["n3"])
    }),
  )

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

const agents = (...names: ReadonlyArray<string>) => names.map((name) => Ids.AgentId.make(name))

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
