/** Runs suite: a run that takes the later submissions of its key, until a worker claims it. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const debounce = { key: "pull 12", seconds: 30 }

/** Submits what is debounced by `debounce`. */
const submit = (text: string, input: Partial<SubmissionInput> = {}) =>
  Effect.flatMap(Runs, (runs) =>
    runs.submit(TestRuns.submission({ debounce, snapshot: RequestSnapshot.fromText(text), ...input })),
  )

const textOf = ({ messages }: RequestSnapshot.RequestSnapshot) => messages[0]?.parts[0]?.["text"]

const snapshotOf = (runId: Ids.RunId) =>
  Effect.flatMap(Runs, (runs) => Effect.map(runs.snapshot(runId), textOf))

const statuses = Effect.flatMap(Runs, (runs) =>
  Effect.map(runs.list(), ({ items }) => items.map(({ status }) => status)),
)

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a pending run takes the next submission of its key, and waits anew",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const first = yield* submit("one")
      deepStrictEqual([first.duplicate, first.debounced], [false, false])
      deepStrictEqual(first.run.availableAt, yield* TestRuns.after("30 seconds"))
      yield* TestClock.adjust("20 seconds")
      const second = yield* submit("two", { priority: 5 })
      deepStrictEqual(
        [second.run.runId, second.duplicate, second.steered, second.debounced, second.run.priority],
        [first.run.runId, false, false, true, 0],
      )
      deepStrictEqual(second.run.availableAt, yield* TestRuns.after("30 seconds"))
      deepStrictEqual(yield* TestRuns.getRun(first.run.runId), second.run)
      yield* TestClock.adjust("29999 millis")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("1 millis")
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual([claimed.runId, textOf(claimed.snapshot)], [first.run.runId, "two"])
      deepStrictEqual(yield* statuses, ["running"])
    }),
  )

  test(
    "a run whose delay is over waits again, while no worker has claimed it",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { run } = yield* submit("one")
      yield* TestClock.adjust("31 seconds")
      yield* TestRuns.settle
      strictEqual((yield* submit("two")).debounced, true)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("30 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, run.runId)
    }),
  )

  test(
    "a run waits no longer in all than the last submission allows",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const bounded = { debounce: { ...debounce, maxSeconds: 50 } }
      const { run } = yield* submit("one", bounded)
      const latest = DateTime.addDuration(run.createdAt, "50 seconds")
      yield* TestClock.adjust("25 seconds")
      deepStrictEqual((yield* submit("two", bounded)).run.availableAt, latest)
      yield* TestClock.adjust("24 seconds")
      yield* submit("three", bounded)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("1 second")
      yield* TestRuns.settle
      // It takes what comes until a worker claims it, and waits no more.
      const late = yield* submit("four", bounded)
      deepStrictEqual([late.debounced, late.run.availableAt], [true, latest])
      strictEqual(textOf((yield* TestRuns.claimOne(worker)).snapshot), "four")
    }),
  )

  test(
    "a run that a worker has claimed takes no submission any more, also when it is handed back",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const { run } = yield* submit("one")
      yield* TestClock.adjust("30 seconds")
      const claimed = yield* TestRuns.claimOne(worker)
      const second = yield* submit("two")
      deepStrictEqual([second.debounced, second.run.runId === run.runId], [false, false])
      yield* leases.release(TestRuns.leaseOf(claimed))
      const third = yield* submit("three")
      deepStrictEqual([third.debounced, third.run.runId], [true, second.run.runId])
      strictEqual(textOf((yield* TestRuns.claimOne(worker)).snapshot), "one")
    }),
  )

  test(
    "a run that has ended takes none, nor one of another key or another agent",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { run } = yield* submit("one")
      strictEqual((yield* submit("one", { debounce: { ...debounce, key: "pull 13" } })).debounced, false)
      strictEqual((yield* submit("one", { agentId: "other" })).debounced, false)
      yield* runs.cancel(run.runId)
      const next = yield* submit("two")
      strictEqual(next.debounced, false)
      strictEqual(yield* snapshotOf(run.runId), "one")
      const expiring = { debounce: { key: "short", seconds: 5 }, ttlSeconds: 5 }
      const expired = yield* submit("one", expiring)
      yield* TestClock.adjust("10 seconds")
      strictEqual((yield* submit("two", expiring)).debounced, false)
      strictEqual(yield* snapshotOf(expired.run.runId), "one")
    }),
  )

  test(
    "each public id names the run, and acts once",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { run } = yield* submit("one", { publicId: "first" })
      strictEqual((yield* submit("two", { publicId: "second" })).debounced, true)
      yield* submit("three", { publicId: "third" })
      for (const name of ["first", "second", "third"]) {
        strictEqual((yield* TestRuns.getRun(Ids.RunId.make(name))).runId, run.runId)
      }
      for (const [text, publicId] of [
        ["one", "first"],
        ["two", "second"],
      ] as const) {
        const again = yield* submit(text, { publicId })
        deepStrictEqual(
          [again.run.runId, again.duplicate, again.steered, again.debounced],
          [run.runId, true, false, publicId === "second"],
        )
      }
      strictEqual(yield* snapshotOf(run.runId), "three")
      strictEqual(yield* TestRuns.verdictOf(submit("other", { publicId: "second" })), "SubmissionConflict")
      deepStrictEqual(yield* runs.inputs(run.runId), [])
      yield* runs.cancel(Ids.RunId.make("third"))
      const after = yield* submit("two", { publicId: "second" })
      deepStrictEqual([after.duplicate, after.run.status], [true, "cancelled"])
    }),
  )

  test(
    "of many submissions at once, one becomes a run, and the others its input",
    Effect.gen(function* () {
      const runs = yield* Runs
      const numbers = Array.from({ length: 10 }, (_, index) => index)
      const answers = yield* Effect.forEach(
        numbers,
        (index) => submit(`${index}`, { publicId: `at-once-${index}` }),
        { concurrency: "unbounded" },
      )
      strictEqual(answers.filter(({ debounced }) => !debounced).length, 1)
      strictEqual(new Set(answers.map(({ run }) => run.runId)).size, 1)
      deepStrictEqual(yield* statuses, ["pending"])
      const together = yield* runs.submitMany(
        numbers.map((index) =>
          TestRuns.submission({
            debounce: { ...debounce, key: `batch ${index % 2}` },
            snapshot: RequestSnapshot.fromText(`${index}`),
          }),
        ),
      )
      const absorbed = together.map((answer) => answer._tag === "Right" && answer.right.debounced)
      deepStrictEqual(absorbed, [false, false, ...Array.from({ length: 8 }, () => true)])
      const { items } = yield* runs.list({ limit: 2 })
      deepStrictEqual(yield* Effect.forEach(items, ({ runId }) => snapshotOf(runId)), ["9", "8"])
    }),
  )

  test(
    "a retry repeats the newest request, and takes no submission",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { run } = yield* submit("one")
      yield* submit("two")
      yield* runs.cancel(run.runId)
      const again = yield* runs.retry(run.runId)
      strictEqual(yield* snapshotOf(again.run.runId), "two")
      strictEqual((yield* submit("three")).debounced, false)
    }),
  )

  test(
    "a run behind another one of its lane stays there, and one with a limit leaves its place",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const lane = { concurrencyKey: "lane" }
      const works = yield* TestRuns.hold(worker, lane)
      const { run } = yield* submit("one", lane)
      yield* TestClock.adjust("20 seconds")
      yield* submit("two", lane)
      yield* TestRuns.complete(works)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("30 seconds")
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual([claimed.runId, textOf(claimed.snapshot)], [run.runId, "two"])

      const limit = { concurrencyKey: "limited", concurrencyLimit: 1 }
      const limited = yield* submit("three", { ...limit, debounce: { key: "limited", seconds: 10 } })
      yield* TestClock.adjust("10 seconds")
      yield* TestRuns.settle
      const next = yield* TestRuns.submit(limit)
      yield* submit("four", { ...limit, debounce: { key: "limited", seconds: 10 } })
      const claimedNext = yield* TestRuns.claimOne(worker)
      strictEqual(claimedNext.runId, next.runId)
      yield* TestClock.adjust("10 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestRuns.complete(claimedNext)
      const last = yield* TestRuns.claimOne(worker)
      deepStrictEqual([last.runId, textOf(last.snapshot)], [limited.run.runId, "four"])
    }),
  )

  test(
    "submit refuses a debounce with what it cannot go with, in one sentence",
    Effect.gen(function* () {
      const conversation = yield* Effect.flatMap(Conversations, (conversations) => conversations.create())
      const parent = yield* TestRuns.submit()
      const wrong: ReadonlyArray<Partial<SubmissionInput>> = [
        { debounce: { ...debounce, maxSeconds: 29 } },
        { initialStatus: "running" },
        { availableAt: yield* TestRuns.after("1 minute") },
        { conversationId: conversation.id },
        { parentRunId: parent.runId },
        { multitask: "latest" },
      ]
      for (const input of wrong) {
        const error = yield* Effect.flip(submit("one", input))
        strictEqual(error._tag === "InvalidSubmission" && error.field, "debounce")
        strictEqual(/^debounce: [^.]+$/.test(error.message), true)
      }
      for (const of of [
        { ...debounce, key: "" },
        { ...debounce, seconds: 0 },
        { ...debounce, seconds: 1.5 },
        { ...debounce, maxSeconds: 31_536_001 },
      ]) {
        strictEqual(yield* TestRuns.verdictOf(submit("one", { debounce: of })), "InvalidSubmission")
      }
      deepStrictEqual(yield* statuses, ["pending"])
    }),
  )

  test(
    "a child is not debounced",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const submission = { agentId: "agent", publicId: "child", debounce } as const
      const refused = leases.spawn(TestRuns.leaseOf(claimed), { stepId: "step", name: "step", submission })
      strictEqual(yield* TestRuns.verdictOf(refused), "InvalidSubmission")
    }),
  )
}
