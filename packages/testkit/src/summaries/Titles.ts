/** Summaries suite: what a run shows of itself. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import * as TokenUsage from "@runlease/core/TokenUsage"
import { DateTime, Effect, Struct, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { spawn, submit, summary } from "./Listed.js"

const user = (text: string) => ({ id: text, role: "user", parts: [{ type: "text", text }] })
const assistant = (text: string) => ({ ...user(text), role: "assistant" })

const titleOf = (...messages: RequestSnapshot.RequestSnapshot["messages"]) =>
  Effect.gen(function* () {
    const { runId } = yield* TestRuns.submit({ snapshot: { ...RequestSnapshot.empty, messages } })
    return (yield* summary(runId)).title
  })

const usage = (inputTokens: number, cost?: number) =>
  TokenUsage.toEvent({ inputTokens, outputTokens: 1 }, cost === undefined ? {} : { cost })

export const tests = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a run shows what it is, whatever its state",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { conversationId, runId } = yield* submit("Hello", { priority: 7, maxAttempts: 5 })
      const at = DateTime.unsafeMake(0)
      const before = {
        runId,
        title: "Hello",
        status: "pending" as const,
        agentId: Ids.AgentId.make("agent"),
        conversationId,
        parentRunId: null,
        rootRunId: runId,
        priority: 7,
        attempt: 0,
        maxAttempts: 5,
        waiting: null,
        error: null,
        labels: {},
        tokens: 0,
        cost: 0,
        children: 0,
        claims: [],
        latestEventId: 0,
        createdAt: at,
        updatedAt: at,
        availableAt: at,
        startedAt: null,
        finishedAt: null,
      }
      deepStrictEqual(yield* summary(runId), before)
      yield* TestClock.adjust("1 second")
      const claimed = yield* TestRuns.claimOne(worker)
      yield* TestClock.adjust("1 second")
      const runs = yield* Runs
      const error = { code: "broken", message: "It is broken" }
      yield* runs.complete(runId, { status: "failed", error }, TestRuns.leaseOf(claimed))
      const { claims, ...after } = yield* summary(runId)
      const end = DateTime.unsafeMake(2000)
      deepStrictEqual(after, {
        ...Struct.omit(before, "claims"),
        status: "failed",
        attempt: 1,
        error,
        latestEventId: 2,
        updatedAt: end,
        startedAt: DateTime.unsafeMake(1000),
        finishedAt: end,
      })
      strictEqual(claims.length, 1)
    }),
  )

  test(
    "a title is the last text of the user, on one line, 120 characters at most",
    Effect.gen(function* () {
      strictEqual(yield* titleOf(), null)
      strictEqual(yield* titleOf(assistant("Hello")), null)
      strictEqual(yield* titleOf(user("first"), user(" last \n\t one\u0000"), assistant("Well")), "last one")
      strictEqual(yield* titleOf(user("text"), { ...user(""), parts: [{ type: "file" }] }), "text")
      strictEqual(yield* titleOf(user("\ud800!")), "\ufffd!")
      strictEqual(yield* titleOf(user("😀".repeat(200))), "😀".repeat(120))
      strictEqual(yield* titleOf(user(`${"a".repeat(119)} ${"b".repeat(100_000)}`)), "a".repeat(119))
    }),
  )

  test(
    "the title of a run with a payload is that of its agent, else the first text of the payload, 80 characters at most",
    Effect.gen(function* () {
      const titled = (snapshot: Partial<RequestSnapshot.RequestSnapshot>) =>
        Effect.gen(function* () {
          const { runId } = yield* TestRuns.submit({ snapshot: { ...RequestSnapshot.empty, ...snapshot } })
          return (yield* summary(runId)).title
        })
      const messages = [user("Do it")]
      const input = { pull: 12, at: "2026-12-04T22:00:00.000Z", note: " ", repository: "run\nlease", of: "x" }
      deepStrictEqual(
        [
          yield* titled({ messages, input }),
          yield* titled({ messages, input: { pull: 12 } }),
          yield* titled({ input: [1] }),
          yield* titled({ input: "b".repeat(100) }),
          yield* titled({ messages, input, title: " " }),
          yield* titled({ messages, input, title: "c".repeat(100) }),
        ],
        ["run lease", "Do it", null, "b".repeat(80), "run lease", "c".repeat(80)],
      )
    }),
  )

  test(
    "retries, forks, children and runs that get the messages of their conversation have titles",
    Effect.gen(function* () {
      const runs = yield* Runs
      const conversations = yield* Conversations
      const worker = yield* TestRuns.register()
      yield* submit("Prompt", { snapshot: { ...RequestSnapshot.fromText("Prompt"), title: "Parent" } })
      const parent = yield* TestRuns.claimOne(worker)
      const child = yield* spawn(TestRuns.leaseOf(parent), "Child")
      yield* spawn(TestRuns.leaseOf(parent), "Other")
      strictEqual((yield* summary(child.runId)).title, "Child")
      deepStrictEqual(
        [(yield* summary(child.runId)).parentRunId, (yield* summary(child.runId)).rootRunId],
        [parent.runId, parent.runId],
      )
      strictEqual((yield* summary(parent.runId)).children, 2)
      yield* TestRuns.complete(parent)
      const retried = yield* runs.retry(parent.runId)
      strictEqual((yield* summary(retried.run.runId)).title, "Parent")
      const forked = yield* runs.fork(parent.runId, { after: parent.latestEventId })
      strictEqual((yield* summary(forked.run.runId)).title, "Parent")
      const edits = [{ type: "message" as const, text: "Edited" }]
      const edited = yield* runs.fork(parent.runId, { after: parent.latestEventId, edits })
      strictEqual((yield* summary(edited.run.runId)).title, "Edited")

      const { id: conversationId } = yield* conversations.create()
      yield* conversations.addMessage(conversationId, { role: "user", parts: user("Again").parts })
      const { runId } = yield* TestRuns.submit({ conversationId })
      strictEqual((yield* summary(runId)).title, "Again")
    }),
  )

  test(
    "the title stays when the run gets further input, whose id is a name of the run",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      yield* submit("First")
      const claimed = yield* TestRuns.claimOne(worker)
      const call = { ...Interrupt.ofToolCall("call", "tool"), clientTool: true }
      yield* leases.suspend(TestRuns.leaseOf(claimed), { interrupts: [call] })
      const publicId = Ids.RunId.make("next")
      strictEqual(yield* TestRuns.verdictOf(summary(publicId)), "RunNotFound")
      yield* runs.followUp(claimed.runId, {
        publicId,
        resume: [],
        results: [Interrupt.toolResult("call", 1)],
        snapshot: RequestSnapshot.fromText("Second"),
      })
      const { runId, title } = yield* summary(publicId)
      deepStrictEqual([runId, title], [claimed.runId, "First"])
    }),
  )

  test(
    "tokens and cost are those of all reports, in all parts and attempts of the run",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const spent = (runId: Ids.RunId) =>
        Effect.map(summary(runId), ({ cost, tokens }) => [tokens, cost] as const)

      const first = yield* TestRuns.hold(worker)
      const { runId } = first
      deepStrictEqual(yield* spent(runId), [0, 0])
      yield* TestRuns.append(first, [usage(10, 100), usage(20)])
      deepStrictEqual(yield* spent(runId), [32, 100])
      yield* leases.suspend(TestRuns.leaseOf(first), TestRuns.forToolCall())
      deepStrictEqual(yield* spent(runId), [32, 100])
      yield* runs.resume(runId, TestRuns.resultOf("call", 1))
      const second = yield* TestRuns.claimOne(worker)
      yield* TestRuns.append(second, [usage(100, 1)])
      yield* TestRuns.lapse
      const third = yield* TestRuns.claimOne(worker)
      yield* TestRuns.append(third, [usage(1000)])
      yield* TestRuns.complete(third)
      deepStrictEqual(yield* spent(runId), [32 + 101 + 1001, 101])
      // A fork has reported nothing itself.
      const { run } = yield* runs.fork(runId, { after: third.latestEventId })
      deepStrictEqual(yield* spent(run.runId), [0, 0])
    }),
  )
}
