import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type Executor, type Ids, Leases, Runs, Usage } from "@runlease/core"
import { RecordedTurns } from "@runlease/core/executor"
import { EventOrder, TestRuns, TestWorker } from "@runlease/testkit"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { test, until } from "./Runs.js"

const untilStatus = (runId: Ids.RunId, status: string) =>
  until(TestRuns.getRun(runId), (run) => run.status === status)

const say = (messageId: string, delta: string) => [
  { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId, delta },
  { type: "TEXT_MESSAGE_END", messageId },
]

/** An agent that calls a tool and raises an interrupt, each time of the same id, and ends once it has so many answers. */
const asking = (times: number) =>
  Peer.serve(async ({ begin, finished, input, send, started }) => {
    begin()
    await send(started)
    const state = input.state as { readonly turns?: number }
    const turn = (state.turns ?? 0) + 1
    await send({ type: "STATE_SNAPSHOT", snapshot: { turns: turn } }, ...say("m", `Turn ${turn}.`))
    if (turn > times) return send(finished({ result: turn }))
    await send(
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" },
      { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
      { type: "TOOL_CALL_END", toolCallId: "c" },
    )
    return send(
      finished({ outcome: { type: "interrupt", interrupts: [{ id: "go", reason: "confirmation" }] } }),
    )
  })

/** What an attempt leaves: the log of a run of this agent up to the record of its turn, and its session. */
const recordedTurn = (execute: Executor.Execute) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* TestWorker.start(execute)
      const { runId } = yield* TestRuns.submit()
      const { session } = yield* until(
        TestRuns.getRun(runId),
        ({ status }) => status !== "pending" && status !== "running",
      )
      const events = yield* TestRuns.eventsOf(runId)
      return { events: events.slice(1, events.findIndex(RecordedTurns.isRecord) + 1), session }
    }),
  )

/** A run whose first attempt left this and died. */
const after = ({ events, session }: Effect.Effect.Success<ReturnType<typeof recordedTurn>>) =>
  Effect.gen(function* () {
    const dead = yield* TestRuns.hold(yield* TestRuns.register("dead"))
    const lease = TestRuns.leaseOf(dead)
    yield* TestRuns.append(dead, events)
    const runs = yield* Runs.Runs
    if (session !== null) {
      const { metadata, sessionKey } = session
      yield* runs.recordSession(lease, { sessionKey, metadata: metadata as Record<string, unknown> })
    }
    yield* Effect.flatMap(Leases.Leases, (leases) => leases.release(lease))
    return dead.runId
  })

const answer = (runId: Ids.RunId) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, [{ interruptId: "go", status: "resolved" }]))

describe("an attempt after one that died when the agent's run had ended", () => {
  test(
    "ends as the agent's run did, and the agent is not asked again",
    Effect.gen(function* () {
      const agent = yield* asking(0)
      const { execute } = yield* Peer.make({ url: agent.url })
      const left = yield* recordedTurn(execute)
      const runId = yield* after(left)
      yield* TestWorker.start(execute)
      const { result } = yield* untilStatus(runId, "completed")
      strictEqual(result, 1)
      strictEqual(agent.calls.length, 1)
      deepStrictEqual(EventOrder.violations(yield* TestRuns.eventsOf(runId), { ended: true }), [])
    }),
  )

  test(
    "waits as the agent's run did, and goes on with its turn and its state once there is an answer to each of its interrupts",
    Effect.gen(function* () {
      const agent = yield* asking(2)
      const { execute } = yield* Peer.make({ url: agent.url })
      const left = yield* recordedTurn(execute)
      strictEqual(agent.calls.length, 1)
      const runId = yield* after(left)
      yield* TestWorker.start(execute)
      yield* untilStatus(runId, "waiting")
      strictEqual(agent.calls.length, 1)
      yield* answer(runId)
      yield* until(
        Effect.sync(() => agent.calls.length),
        (calls) => calls === 2,
      )
      yield* untilStatus(runId, "waiting")
      yield* answer(runId)
      const { result } = yield* untilStatus(runId, "completed")
      strictEqual(result, 3)
      const texts = agent.calls.map(({ input }) =>
        input.messages.flatMap(({ content, role }) => (role === "assistant" && content ? [content] : [])),
      )
      deepStrictEqual(texts, [[], ["Turn 1."], ["Turn 1.", "Turn 2."]])
      deepStrictEqual(
        agent.calls.map(({ input }) => input.resume?.map(({ interruptId }) => interruptId)),
        [undefined, ["go"], ["go"]],
      )
    }),
  )
})

describe("an agent that sends events with reserved names", () => {
  test(
    "has them under other names in the log, and counted nowhere",
    Effect.gen(function* () {
      const names = ["usage", "attempt", "step", "message", "tool_begun"]
      const value = { inputTokens: 10, cost: 7, step_id: "s", record_id: "r", name: "n" }
      const agent = yield* Peer.serve(async ({ begin, finished, send, started }) => {
        begin()
        await send(started)
        await send(...names.map((name) => ({ type: "CUSTOM", name: `runlease.${name}`, value })))
        return send(finished())
      })
      const { execute } = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(execute)
      const { runId } = yield* TestRuns.submit()
      yield* untilStatus(runId, "completed")
      const events = yield* TestRuns.eventsOf(runId)
      const custom = events.flatMap(({ name, type }) => (type === "CUSTOM" ? [String(name)] : []))
      deepStrictEqual(
        custom.filter((name) => name.startsWith("relayed.")),
        names.map((name) => `relayed.runlease.${name}`),
      )
      // The executor's own: the request to the agent, and the record of its turn.
      deepStrictEqual(
        custom.filter((name) => name.startsWith("runlease.")),
        ["runlease.request", "runlease.step"],
      )
      const { cost, usage } = yield* Usage.ofRun(runId)
      deepStrictEqual([cost, usage], [0, []])
    }),
  )
})
