/** What pruning must delete, and what it must not change. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core/Access"
import { ControlPlane, type ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { Limits } from "@runlease/core/Limits"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import * as Retention from "@runlease/store/Retention"
import { Context, Effect, Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

/** Submits a run and ends it. */
const finish = (input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { runId } = yield* TestRuns.submit(input)
    const { run } = yield* runs.cancel(runId)
    return run
  })

const carriedTests = (test: TestRuns.Test<ProjectPorts | ControlPlane>): void => {
  test(
    "takes the messages of a run that it deletes out of the requests that carry them",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const message = (id: string, role = "user") => ({ id, role, parts: [RequestSnapshot.textPart(id)] })
      const request = (messages: ReadonlyArray<string>, carries?: Partial<RequestSnapshot.Carried>) => ({
        ...RequestSnapshot.empty,
        messages: messages.map((id) => message(id)),
        ...(carries === undefined
          ? {}
          : { carries: { lead: 0, runs: [], output: [], without: [], title: null, ...carries } }),
      })
      const carried = (...ids: ReadonlyArray<string>) => ids.map((id) => ({ id, own: 0, output: 0, upTo: 0 }))
      const one = yield* finish({ publicId: "one", snapshot: request(["rules", "m1"]) })
      const { conversationId, projectId } = one
      // It has the history of its client, and so repeats a message.
      yield* TestRuns.submit({ publicId: "two", conversationId, snapshot: request(["m1", "m2"]) })
      const { runId: stranger } = yield* TestRuns.submit({ snapshot: request(["of another conversation"]) })
      yield* runs.cancel(Ids.RunId.make("two"))
      yield* runs.cancel(stranger)
      const answer = { id: "one", messages: [message("a1", "assistant")] }
      const three = request(["first", "m3"], {
        lead: 1,
        runs: carried("one", "two", stranger),
        output: [answer],
        without: ["rules"],
      })
      yield* TestRuns.submit({ publicId: "three", conversationId, snapshot: three })
      const idsOf = ({ messages }: RequestSnapshot.RequestSnapshot) => messages.map(({ id }) => id)
      const whole = ["first", "m1", "a1", "m2", "m3"]
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual(idsOf(claimed.snapshot), whole)
      strictEqual("carries" in claimed.snapshot, false)
      yield* TestRuns.complete(claimed)
      const four = request(["m4"], {
        runs: carried("one", "two", "three"),
        output: [
          { ...answer, messages: [message("a2", "assistant")] },
          { id: "three", messages: [message("a3", "assistant")] },
        ],
      })
      yield* TestRuns.submit({ publicId: "four", conversationId, snapshot: four })
      const read = (id: string, own?: boolean) =>
        Effect.map(runs.snapshot(Ids.RunId.make(id), { own: own ?? false }), idsOf)
      const before = ["rules", "m1", "a2", "m2", "first", "m3", "a3", "m4"]
      deepStrictEqual([yield* read("four"), yield* read("four", true)], [before, ["m4"]])
      // A run that is made again has the same messages.
      const { run: again } = yield* Effect.zipRight(
        runs.cancel(Ids.RunId.make("four")),
        runs.retry(Ids.RunId.make("four")),
      )
      deepStrictEqual(yield* read(again.runId), before)
      yield* TestClock.adjust("20 seconds")
      yield* TestRuns.submit({ publicId: "five", conversationId, snapshot: { ...four, messages: [] } })
      const { prune } = yield* ControlPlane
      strictEqual((yield* prune({ projectId, olderThan: "20 seconds" })).pruned, 5)
      deepStrictEqual(yield* read("five"), [])
      deepStrictEqual(yield* read(again.runId), ["m4"])
    }),
  )
}

const prune = (projectId: Ids.ProjectId, limit?: number) =>
  Effect.flatMap(ControlPlane, (controlPlane) =>
    controlPlane.prune({ projectId, olderThan: "20 seconds", limit }),
  )

const idsLeft = Effect.gen(function* () {
  const runs = yield* Runs
  return (yield* runs.list({ limit: 100 })).items.map(({ runId }) => runId)
})

/** Declares the tests of pruning. */
export const suite = (
  name: string,
  layer: Layer.Layer<ProjectPorts | ControlPlane | Access, unknown>,
): void => {
  const test = TestRuns.tester(layer)

  describe(`Pruning (${name})`, () => {
    test(
      "leaves a child until its parent has ended, which reads it",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const parent = yield* TestRuns.hold(worker)
        const submission = { agentId: "agent", publicId: "child" }
        yield* leases.spawn(TestRuns.leaseOf(parent), { stepId: "s", name: "s", submission })
        yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
        yield* TestClock.adjust("20 seconds")
        strictEqual((yield* prune(parent.projectId!)).pruned, 0)
        yield* TestRuns.complete(parent)
        yield* TestClock.adjust("20 seconds")
        strictEqual((yield* prune(parent.projectId!)).pruned, 2)
      }),
    )

    test(
      "deletes the labels of the runs that it deletes",
      Effect.gen(function* () {
        const runs = yield* Runs
        const labels = { customer: "42" }
        const old = yield* finish({ labels })
        yield* TestClock.adjust("20 seconds")
        const { runId } = yield* TestRuns.submit({ labels })
        strictEqual((yield* prune(old.projectId)).pruned, 1)
        const { items } = yield* runs.list({ labels })
        deepStrictEqual(
          items.map((run) => run.runId),
          [runId],
        )
      }),
    )

    carriedTests(test)

    test(
      "forgets a limit once none of its runs is unfinished",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const limited = (publicId: string, concurrencyKey: string) =>
          TestRuns.hold(worker, { publicId, concurrencyKey, concurrencyLimit: 1 })
        yield* TestRuns.complete(yield* limited("ended", "ended"))
        const waits = yield* limited("waits", "waits")
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        yield* TestClock.adjust("20 seconds")
        yield* prune(waits.projectId!)
        const { items } = yield* Effect.flatMap(Limits, ({ list }) => list())
        strictEqual(items.map(({ key }) => key).join(), "waits")
        // The limit of a run that waits is still the same.
        yield* TestRuns.submit({ publicId: "next", concurrencyKey: "waits", concurrencyLimit: 1 })
        yield* runs.resume(waits.runId, TestRuns.resultOf("call", "done"))
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        strictEqual(claimed.length, 1)
      }),
    )

    test(
      "deletes the runs that finished long enough ago, with their logs, and nothing else",
      Effect.gen(function* () {
        const runs = yield* Runs
        const log = yield* RunLog
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const old = yield* TestRuns.hold(worker)
        yield* runs.recordSession(TestRuns.leaseOf(old), { sessionKey: "session" })
        yield* TestRuns.append(old, [{ type: "CUSTOM", name: "n", value: 1 }])
        yield* TestRuns.complete(old)
        const { projectId } = yield* runs.get(old.runId)
        const waiting = yield* TestRuns.hold(worker)
        yield* leases.suspend(TestRuns.leaseOf(waiting), TestRuns.forToolCall())
        const running = yield* TestRuns.hold(worker)
        const pending = yield* TestRuns.submit()
        yield* TestClock.adjust("10 seconds")
        const young = yield* finish()
        yield* TestClock.adjust("9999 millis")
        deepStrictEqual(yield* prune(projectId), { pruned: 0, more: false })

        yield* TestClock.adjust("1 millis")
        deepStrictEqual(yield* prune(projectId), { pruned: 1, more: false })
        strictEqual(yield* TestRuns.verdictOf(runs.get(old.runId)), "RunNotFound")
        strictEqual(yield* TestRuns.verdictOf(log.read({ runId: old.runId })), "RunNotFound")
        deepStrictEqual(
          new Set(yield* idsLeft),
          new Set([waiting.runId, running.runId, pending.runId, young.runId]),
        )
        strictEqual((yield* TestRuns.typesOf(young.runId)).length, 2)
        deepStrictEqual(yield* prune(projectId), { pruned: 0, more: false })
        // The remaining runs continue.
        yield* runs.resume(waiting.runId, TestRuns.resultOf("call", 1))
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(
          claimed.map(({ runId }) => runId),
          [waiting.runId, pending.runId],
        )
      }),
    )

    test(
      "deletes at most `limit` runs, the oldest first",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const { id: conversationId } = yield* conversations.create()
        const ids: Array<Ids.RunId> = []
        for (let index = 0; index < 5; index++) {
          ids.push((yield* finish({ conversationId })).runId)
          yield* TestClock.adjust("1 second")
        }
        const { projectId } = yield* TestRuns.getRun(ids[0]!)
        yield* TestClock.adjust("20 seconds")
        deepStrictEqual(yield* prune(projectId, 2), { pruned: 2, more: true })
        deepStrictEqual((yield* idsLeft).toReversed(), ids.slice(2))
        deepStrictEqual(yield* prune(projectId, 2), { pruned: 2, more: true })
        deepStrictEqual(yield* prune(projectId, 2), { pruned: 1, more: false })
      }),
    )

    test(
      "a pruned public id may be used again, for a run with a new log",
      Effect.gen(function* () {
        const publicId = "again"
        const first = yield* finish({ publicId })
        yield* TestRuns.submit({ publicId: "before", concurrencyKey: null })
        yield* TestClock.adjust("20 seconds")
        yield* prune(first.projectId)
        const second = yield* TestRuns.submit({ publicId, agentId: "another", concurrencyKey: null })
        strictEqual(second.status, "pending")
        strictEqual(second.latestEventId, 0)
        assertTrue(second.conversationId !== first.conversationId)
        const claimed = yield* TestRuns.claim(yield* TestRuns.register(), { limit: 10 })
        deepStrictEqual(
          claimed.map(({ runId }) => runId),
          ["before", "again"],
        )
        yield* TestRuns.append(claimed[1]!, [{ type: "CUSTOM", name: "n", value: 1 }])
        deepStrictEqual(yield* TestRuns.typesOf(second.runId), ["RUN_STARTED", "CUSTOM"])
      }),
    )

    test(
      "the ids of follow-up inputs are deleted with their run",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const claimed = yield* TestRuns.hold(yield* TestRuns.register(), { publicId: "first" })
        const call = { ...Interrupt.ofToolCall("call", "ask"), clientTool: true }
        yield* leases.suspend(TestRuns.leaseOf(claimed), { interrupts: [call] })
        const publicId = Ids.RunId.make("second")
        yield* runs.followUp(claimed.runId, {
          publicId,
          resume: [],
          results: [Interrupt.toolResult("call", 1)],
          snapshot: RequestSnapshot.fromText("next"),
        })
        const { run } = yield* runs.cancel(publicId)
        yield* TestClock.adjust("20 seconds")
        deepStrictEqual(yield* prune(run.projectId), { pruned: 1, more: false })
        strictEqual(yield* TestRuns.verdictOf(runs.get(publicId)), "RunNotFound")
        strictEqual((yield* TestRuns.submit({ publicId })).runId, publicId)
      }),
    )

    test(
      "a conversation is deleted with its last run, if it is old enough itself",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const runs = yield* Runs
        const exists = (id: Ids.ConversationId) => TestRuns.verdictOf(conversations.get(id))
        const create = Effect.map(conversations.create(), ({ id }) => id)
        const unused = yield* create
        const [old, used, touched] = yield* Effect.all([create, create, create])
        const message = { role: "user", parts: [] } as const
        yield* conversations.addMessage(old, message)
        const { projectId } = yield* finish({ conversationId: old })
        yield* finish({ conversationId: used })
        yield* TestRuns.submit({ conversationId: used })
        yield* finish({ conversationId: touched })
        yield* TestClock.adjust("10 seconds")
        yield* conversations.addMessage(touched, message)
        yield* TestClock.adjust("10 seconds")
        deepStrictEqual(yield* prune(projectId), { pruned: 3, more: false })
        deepStrictEqual(yield* Effect.forEach([unused, old, used, touched], exists), [
          "Succeeded",
          "ConversationNotFound",
          "Succeeded",
          "Succeeded",
        ])
        strictEqual((yield* conversations.messages(touched)).items.length, 1)
        // The conversation has a run again, so it stays until that run is deleted.
        const last = yield* finish({ conversationId: touched })
        yield* TestClock.adjust("19 seconds")
        deepStrictEqual(yield* prune(projectId), { pruned: 0, more: false })
        strictEqual(yield* exists(touched), "Succeeded")
        yield* TestClock.adjust("1 second")
        deepStrictEqual(yield* prune(projectId), { pruned: 1, more: false })
        strictEqual(
          yield* TestRuns.verdictOf(runs.submit(TestRuns.submission({ conversationId: touched }))),
          "ConversationNotFound",
        )
        strictEqual(yield* TestRuns.verdictOf(runs.get(last.runId)), "RunNotFound")
        strictEqual(yield* exists(used), "Succeeded")
      }),
    )

    test(
      "does not delete runs of other projects",
      Effect.gen(function* () {
        const access = yield* Access
        const controlPlane = yield* ControlPlane
        const other = yield* access.createProject("other")
        const theirs = yield* Effect.provide(finish(), controlPlane.project(other.id))
        const { projectId } = yield* finish()
        yield* TestClock.adjust("20 seconds")
        deepStrictEqual(yield* prune(projectId), { pruned: 1, more: false })
        const left = yield* Context.get(controlPlane.project(other.id), Runs).get(theirs.runId)
        strictEqual(left.status, "cancelled")
      }),
    )

    test(
      "runs by itself in every project under a retention policy",
      Effect.gen(function* () {
        const access = yield* Access
        const controlPlane = yield* ControlPlane
        const other = yield* access.createProject("other")
        const runs = yield* Runs
        const otherRuns = Context.get(controlPlane.project(other.id), Runs)
        const first = yield* finish()
        const theirs = yield* Effect.provide(finish(), controlPlane.project(other.id))
        yield* Layer.build(Retention.layerWith({ keepFinished: "10 seconds" }))
        yield* TestClock.adjust("9 seconds")
        const second = yield* finish()
        yield* TestRuns.settle
        strictEqual((yield* runs.get(first.runId)).status, "cancelled")
        const untilDeleted = (of: Runs["Type"], runId: Ids.RunId) =>
          TestRuns.eventually(TestRuns.verdictOf(of.get(runId)), (verdict) => verdict === "RunNotFound")
        yield* TestClock.adjust("1 second")
        yield* untilDeleted(runs, first.runId)
        yield* untilDeleted(otherRuns, theirs.runId)
        strictEqual((yield* runs.get(second.runId)).status, "cancelled")
        yield* TestClock.adjust("10 seconds")
        yield* untilDeleted(runs, second.runId)
      }),
    )
  })
}
