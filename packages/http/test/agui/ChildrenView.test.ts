import { describe, expect, it } from "@effect/vitest"
import { type AgentEvent, ControlEvents, LogState } from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import * as AgUiView from "../../src/agui/AgUiView.js"
import { peers, shown, subject, taken } from "./Clients.js"

type Event = AgentEvent.LogEvent

const run = { runId: subject.runId, conversationId: subject.threadId }

const started: Event = { type: "RUN_STARTED", threadId: "thread", runId: "run" }

const spawned = (runId: string, index = 0): Event =>
  ChildEvent.spawned({ runId, agentId: "researcher", index, stepId: String(index), name: "research" })

const ended = (runId: string, outcome: ChildEvent.Outcome = { status: "completed" }): Event =>
  ChildEvent.ended({ runId, agentId: "researcher", index: 0 }, outcome)

const interrupted: Event = {
  type: "RUN_FINISHED",
  threadId: "thread",
  runId: "run",
  outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "approval" }] },
}

const completed = ControlEvents.ended(run, { ...LogState.initial, started: true }, { status: "completed" })

/** What both clients are shown of a log, without the starts and the ends of its parts. */
const subagents = async (...log: ReadonlyArray<Event>) => {
  const { current, older } = await shown(log)
  const events = current.filter(({ type }) => type.startsWith("SUBAGENT_"))
  expect(older.filter(({ type }) => type.startsWith("SUBAGENT_"))).toEqual(events)
  return events
}

const start = { type: "SUBAGENT_STARTED", subagentRunId: "a", name: "researcher" }
const begun = { ...start, description: "research" }
const success = { type: "SUBAGENT_FINISHED", subagentRunId: "a", outcome: { type: "success" } }
const suspended = { ...success, outcome: { type: "suspended" } }
const failure = (code: string, message: string) => ({
  type: "SUBAGENT_ERROR",
  subagentRunId: "a",
  code,
  message,
})

describe("children in the AG-UI view", () => {
  it("are subagents of their agent's name, from the spawn to the end", async () => {
    expect(await subagents(started, spawned("a"), ended("a"), ...completed)).toEqual([begun, success])
  })

  it("end with the error of their run, or as cancelled", async () => {
    const error = { code: "refused", message: "It will not" }
    const of = (outcome: ChildEvent.Outcome) =>
      subagents(started, spawned("a"), ended("a", outcome), ...completed)
    expect(await of({ status: "failed", error })).toEqual([begun, failure("refused", "It will not")])
    expect(await of({ status: "failed" })).toEqual([begun, failure("failed", "The run failed")])
    expect(await of({ status: "cancelled" })).toEqual([begun, failure("cancelled", "The run was cancelled")])
  })

  it("are cancelled by the end of the run, however that is", async () => {
    const lost = [begun, failure("parent_ended", "The run that spawned it has ended")]
    const states = { ...LogState.initial, started: true }
    for (const status of ["completed", "failed", "cancelled"] as const) {
      expect(await subagents(started, spawned("a"), ...ControlEvents.ended(run, states, { status }))).toEqual(
        lost,
      )
    }
  })

  it("are not ended by a lost attempt, or by a wait", async () => {
    const next = ControlEvents.claimed(
      run,
      { ...LogState.initial, started: true },
      { attempt: 1, workerId: "w", ended: "lease_expired", reason: null },
      { attempt: 2, workerId: "w" },
    )
    const waits = { type: "CUSTOM", name: ControlEvents.waitingEventName, value: { reasons: ["children"] } }
    expect(await subagents(started, spawned("a"), ...next, waits, ended("a"), ...completed)).toEqual([
      begun,
      success,
    ])
  })

  it("are suspended while the run waits for an answer, and end in the part that has their end", async () => {
    expect(await subagents(started, spawned("a"), interrupted, started, ended("a"), ...completed)).toEqual([
      begun,
      suspended,
      start,
      success,
    ])
  })

  it("end at the start of the next part where they end between two parts", async () => {
    const log = [started, spawned("a"), interrupted, ended("a"), started, ...completed]
    expect(await subagents(...log)).toEqual([begun, suspended, start, success])
    const { current } = await shown(log)
    expect(current.map(({ type }) => type)).toEqual([
      "RUN_STARTED",
      "SUBAGENT_STARTED",
      "SUBAGENT_FINISHED",
      "RUN_FINISHED",
      "RUN_STARTED",
      "SUBAGENT_STARTED",
      "SUBAGENT_FINISHED",
      "RUN_FINISHED",
    ])
  })

  it("end in a view that begins after their spawn", async () => {
    for (const peer of peers) {
      for (const part of [
        [started, ended("a"), ...completed],
        [ended("a"), started, ...completed],
      ]) {
        const view = part.flatMap(AgUiView.make(subject, { peer }))
        expect(view.slice(1, -1)).toEqual([start, success])
        expect(await taken(view, peer)).toBe(4)
      }
    }
  })

  it("are no subagents where they are detached", async () => {
    const apart = ChildEvent.spawned({ runId: "a", agentId: "researcher", stepId: "0", name: "research" })
    expect(await subagents(started, apart, ...completed)).toEqual([])
  })

  it("are left out of a part where the run's executor has a subagent of that id", async () => {
    const own = [
      { type: "SUBAGENT_STARTED", subagentRunId: "a", name: "mine" },
      { type: "SUBAGENT_FINISHED", subagentRunId: "a" },
    ]
    expect(await subagents(started, ...own, spawned("a"), ended("a"), ...completed)).toEqual(own)
  })

  it("go on in a copy of the view as in the view", () => {
    const fold = AgUiView.fold(subject)
    for (const event of [started, spawned("a"), interrupted, ended("a")]) fold.next(event)
    const copy = fold.copy()
    const rest = (view: AgUiView.Fold) => [started, spawned("b", 1), ...completed].flatMap(view.next)
    const shownRest = rest(fold)
    expect(shownRest.map(({ type }) => type).filter((type) => type.startsWith("SUBAGENT_"))).toHaveLength(4)
    expect(rest(copy)).toEqual(shownRest)
  })
})
