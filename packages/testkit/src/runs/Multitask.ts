/** Runs suite: a submission to a lane in which a run works, also one that becomes a message to that run. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as InboxMessage from "@runlease/core/InboxMessage"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { maxEventBytes } from "@runlease/core/RunLog"
import { type Multitask, Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Option, Queue, Stream } from "effect"
import * as TestRuns from "../TestRuns.js"

const conversation = Effect.map(
  Effect.flatMap(Conversations, (conversations) => conversations.create()),
  ({ id }) => id,
)

/** Submits what multitasks in this way. */
export const submit = (multitask: Multitask, input: Partial<SubmissionInput> = {}) =>
  Effect.flatMap(Runs, (runs) =>
    runs.submit(TestRuns.submission({ multitask, snapshot: RequestSnapshot.fromText("Shorter"), ...input })),
  )

const statusOf = (runId: string) => Effect.map(TestRuns.getRun(Ids.RunId.make(runId)), ({ status }) => status)

export const textsTo = (runId: Ids.RunId) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events
      .flatMap((event) => Option.toArray(InboxMessage.fromEvent(event)))
      .map(({ parts }) => parts[0]?.["text"]),
  )

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a submission that enqueues waits behind",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { run, steered } = yield* submit("enqueue", { conversationId: claimed.conversationId })
      strictEqual(steered, false)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestRuns.complete(claimed)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, run.runId)
    }),
  )

  test(
    "a submission that rejects is refused while a run of its lane has not ended, and names it",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const conversationId = yield* conversation
      const rejecting = submit("reject", { conversationId })
      const { run } = yield* rejecting
      const busy = yield* Effect.flip(rejecting)
      deepStrictEqual([busy._tag, "runId" in busy && busy.runId], ["ConversationBusy", run.runId])
      const claimed = yield* TestRuns.claimOne(worker)
      strictEqual(yield* TestRuns.verdictOf(rejecting), "ConversationBusy")
      yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
      strictEqual(yield* TestRuns.verdictOf(rejecting), "ConversationBusy")
      yield* runs.cancel(run.runId)
      strictEqual((yield* runs.list({ conversationId })).items.length, 1)
      strictEqual((yield* rejecting).run.status, "pending")
    }),
  )

  test(
    "of many submissions at once that reject, one is accepted",
    Effect.gen(function* () {
      const conversationId = yield* conversation
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => TestRuns.verdictOf(submit("reject", { conversationId })),
        { concurrency: "unbounded" },
      )
      strictEqual(verdicts.filter((verdict) => verdict === "Succeeded").length, 1)
      strictEqual(verdicts.filter((verdict) => verdict === "ConversationBusy").length, 9)
    }),
  )

  test(
    "a submission that interrupts cancels the runs of its lane, and goes",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.submit()
      const conversationId = yield* conversation
      const claimed = yield* TestRuns.hold(worker, { conversationId, priority: 1 })
      const queued = yield* TestRuns.submit({ conversationId })
      const child = { agentId: "agent", publicId: "child" }
      yield* leases.spawn(TestRuns.leaseOf(claimed), { stepId: "step", name: "step", submission: child })
      const signals = yield* Queue.unbounded<unknown>()
      yield* TestRuns.start(
        Stream.runForEach(leases.signals(worker), (signal) => Queue.offer(signals, signal)),
      )
      const { run } = yield* submit("interrupt", { conversationId, priority: 2 })
      deepStrictEqual(yield* Queue.take(signals), { _tag: "Cancelled", runId: claimed.runId })
      deepStrictEqual(yield* Effect.forEach([claimed.runId, queued.runId, "child", other.runId], statusOf), [
        "cancelled",
        "cancelled",
        "cancelled",
        "pending",
      ])
      strictEqual((yield* TestRuns.claimOne(worker)).runId, run.runId)
      strictEqual(yield* TestRuns.verdictOf(TestRuns.append(claimed, [])), "RunEnded")
    }),
  )

  test(
    "of many submissions at once that interrupt, one run is left",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const conversationId = yield* conversation
      yield* TestRuns.submit({ conversationId })
      yield* Effect.forEach(Array.from({ length: 5 }), () => submit("interrupt", { conversationId }), {
        concurrency: "unbounded",
      })
      const { items } = yield* runs.list({ conversationId })
      deepStrictEqual(items.map(({ status }) => status).toSorted(), [
        ...Array.from({ length: 5 }, () => "cancelled"),
        "pending",
      ])
      strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 1)
    }),
  )

  test(
    "the latest submission cancels what waits in its lane, and goes after the run that works",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const conversationId = yield* conversation
      const claimed = yield* TestRuns.hold(worker, { conversationId })
      const behind = yield* Effect.replicateEffect(TestRuns.submit({ conversationId }), 2)
      const { run } = yield* submit("latest", { conversationId })
      const last = yield* submit("latest", { conversationId })
      const others = [claimed, ...behind, run].map(({ runId }) => runId)
      deepStrictEqual(yield* Effect.forEach(others, statusOf), [
        "running",
        "cancelled",
        "cancelled",
        "cancelled",
      ])
      deepStrictEqual((yield* TestRuns.getRun(run.runId)).error, null)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestRuns.complete(claimed)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, last.run.runId)
    }),
  )

  test(
    "the latest submission cancels the first of its lane too, where no worker has claimed it",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const conversationId = yield* conversation
      const first = yield* TestRuns.submit({ conversationId })
      const { run } = yield* submit("latest", { conversationId })
      strictEqual(yield* statusOf(first.runId), "cancelled")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, run.runId)
    }),
  )

  test(
    "a run that was handed back or that waits has begun, so the latest submission goes after it",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const conversationId = yield* conversation
      const released = yield* TestRuns.hold(worker, { conversationId })
      yield* leases.release(TestRuns.leaseOf(released))
      yield* submit("latest", { conversationId })
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, released.runId)
      yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall())
      const { run } = yield* submit("latest", { conversationId })
      strictEqual(yield* statusOf(released.runId), "waiting")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.cancel(released.runId)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, run.runId)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
    }),
  )

  test(
    "of many submissions at once of which the latest stays, one run is left next to the one that works",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const conversationId = yield* conversation
      const claimed = yield* TestRuns.hold(worker, { conversationId })
      yield* Effect.forEach(Array.from({ length: 5 }), () => submit("latest", { conversationId }), {
        concurrency: "unbounded",
      })
      const { items } = yield* runs.list({ conversationId })
      deepStrictEqual(items.map(({ status }) => status).toSorted(), [
        ...Array.from({ length: 4 }, () => "cancelled"),
        "pending",
        "running",
      ])
      yield* TestRuns.complete(claimed)
      strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 1)
    }),
  )

  test(
    "a public id that was accepted does not act again",
    Effect.gen(function* () {
      const conversationId = yield* conversation
      for (const multitask of ["reject", "interrupt", "latest"] as const) {
        const publicId = `${multitask}s`
        const once = submit(multitask, { conversationId, publicId })
        const [first, second] = yield* Effect.all([once, once], { concurrency: "unbounded" })
        deepStrictEqual([first.duplicate, second.duplicate].toSorted(), [false, true])
        strictEqual((yield* once).duplicate, true)
        strictEqual(yield* statusOf(publicId), "pending")
        if (multitask === "reject") {
          yield* Effect.flatMap(Runs, (runs) => runs.cancel(Ids.RunId.make(publicId)))
          strictEqual((yield* once).run.status, "cancelled")
        }
      }
    }),
  )

  test(
    "the lane of a submission is its concurrency key, and without one it finds no run",
    Effect.gen(function* () {
      const { conversationId, runId } = yield* TestRuns.hold(yield* TestRuns.register())
      const keyed = yield* TestRuns.submit({ concurrencyKey: "lane" })
      for (const multitask of ["reject", "steer", "interrupt"] as const) {
        const alone = yield* submit(multitask, { conversationId, concurrencyKey: null })
        const own = yield* submit(multitask)
        deepStrictEqual([alone.steered, own.steered], [false, false])
      }
      strictEqual(yield* statusOf(runId), "running")
      const steered = yield* submit("steer", { conversationId, concurrencyKey: "lane" })
      strictEqual(steered.run.runId, keyed.runId)
      deepStrictEqual([yield* textsTo(keyed.runId), yield* textsTo(runId)], [["Shorter"], []])
      yield* submit("interrupt", { conversationId, concurrencyKey: "lane" })
      deepStrictEqual(yield* Effect.forEach([keyed.runId, runId], statusOf), ["cancelled", "running"])
    }),
  )

  test(
    "a child waits in its lane",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const submission = { agentId: "agent", publicId: "child", multitask: "reject" } as const
      const refused = leases.spawn(TestRuns.leaseOf(claimed), { stepId: "step", name: "step", submission })
      strictEqual(yield* TestRuns.verdictOf(refused), "InvalidSubmission")
    }),
  )

  test(
    "a submission that steers becomes a message with the user's last text, to the first run of its lane",
    Effect.gen(function* () {
      const runs = yield* Runs
      const conversations = yield* Conversations
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const { conversationId, runId } = claimed
      yield* TestRuns.submit({ conversationId })
      const messages = [
        message("user", "Hello"),
        message("assistant", "What for?"),
        message("user", "Shorter"),
        message("user", "And colder"),
      ]
      const snapshot = { ...RequestSnapshot.empty, messages }
      const { duplicate, run, steered } = yield* submit("steer", {
        conversationId,
        snapshot,
        agentId: "other",
      })
      deepStrictEqual([run.runId, duplicate, steered], [runId, false, true])
      deepStrictEqual(yield* textsTo(runId), ["Shorter", "And colder"])
      const { items } = yield* conversations.messages(conversationId)
      deepStrictEqual(
        items.map(({ parts, role }) => [role, parts[0]?.["text"]]),
        [
          ["user", "Shorter"],
          ["user", "And colder"],
        ],
      )
      strictEqual((yield* runs.list({ conversationId })).items.length, 2)
    }),
  )

  test(
    "a submission that steers and finds no run is one",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { conversationId, ...claimed } = yield* TestRuns.hold(worker)
      yield* TestRuns.complete({ ...claimed, conversationId })
      const steering = submit("steer", { conversationId, publicId: "steers" })
      const first = yield* steering
      deepStrictEqual([first.run.runId, first.steered], ["steers", false])
      const second = yield* steering
      deepStrictEqual([second.run.runId, second.duplicate, second.steered], ["steers", true, false])
      deepStrictEqual(yield* textsTo(first.run.runId), [])
    }),
  )

  test(
    "a submission that has steered is a duplicate under its public id, which names the run, also after its end",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { conversationId, runId } = claimed
      const steering = submit("steer", { conversationId, publicId: "steers" })
      const answers = yield* Effect.all([steering, steering], { concurrency: "unbounded" })
      deepStrictEqual(answers.map(({ duplicate }) => duplicate).toSorted(), [false, true])
      yield* TestRuns.complete(claimed)
      const again = yield* steering
      deepStrictEqual([again.run.runId, again.duplicate, again.steered], [runId, true, true])
      strictEqual(again.run.status, "completed")
      deepStrictEqual(yield* textsTo(runId), ["Shorter"])
      strictEqual((yield* runs.get(Ids.RunId.make("steers"))).runId, runId)
      // The run did not go on with it.
      deepStrictEqual(yield* runs.inputs(runId), [])
      for (const other of [{ agentId: "other" }, { snapshot: RequestSnapshot.fromText("Longer") }]) {
        const conflicting = submit("steer", { conversationId, publicId: "steers", ...other })
        strictEqual(yield* TestRuns.verdictOf(conflicting), "SubmissionConflict")
      }
      const plain = submit("enqueue", { conversationId, publicId: "steers" })
      strictEqual(yield* TestRuns.verdictOf(plain), "SubmissionConflict")
    }),
  )

  test(
    "a submission without a public id steers each time",
    Effect.gen(function* () {
      const { conversationId, runId } = yield* TestRuns.hold(yield* TestRuns.register())
      yield* submit("steer", { conversationId })
      yield* submit("steer", { conversationId })
      deepStrictEqual(yield* textsTo(runId), ["Shorter", "Shorter"])
    }),
  )

  test(
    "a submission that steers ends the wait for a message",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(claimed), { inbox: 0 })
      const { run } = yield* submit("steer", { conversationId: claimed.conversationId })
      strictEqual(run.status, "pending")
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.inbox], [claimed.runId, 1])
    }),
  )

  test(
    "a submission that steers has a text, and no more than a run takes, or no message is sent",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { conversationId, runId } = yield* TestRuns.hold(yield* TestRuns.register())
      const agent = { ...RequestSnapshot.empty, messages: [message("assistant", "Done")] }
      for (const snapshot of [RequestSnapshot.empty, agent]) {
        const silent = yield* Effect.flip(submit("steer", { conversationId, snapshot }))
        deepStrictEqual([silent._tag, "field" in silent && silent.field], ["InvalidSubmission", "snapshot"])
      }
      const messages = [message("user", "Shorter"), message("user", "x".repeat(maxEventBytes))]
      const snapshot = { ...RequestSnapshot.empty, messages }
      const large = yield* Effect.flip(submit("steer", { conversationId, snapshot }))
      deepStrictEqual([large._tag, "runId" in large && large.runId], ["MessageRefused", runId])
      deepStrictEqual(yield* textsTo(runId), [])
      strictEqual((yield* runs.list({ conversationId })).items.length, 1)
    }),
  )
}

const message = (role: string, text: string) => ({
  id: text,
  role,
  parts: [RequestSnapshot.textPart(text)],
})
