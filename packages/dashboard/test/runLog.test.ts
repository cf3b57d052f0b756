import { describe, expect, it } from "vitest"
import { type Entry, makeRunLog } from "../web/src/pages/run/model/runLog"
import { take } from "../web/src/pages/run/model/log"
import type { Part } from "../web/src/pages/run/model/parts"
import { resultWords, isFailed, outcomeOf } from "../web/src/pages/run/model/steps"
import * as ForkOrigin from "../web/src/pages/run/model/forkOrigin"
import { argumentsOf } from "../web/src/pages/run/model/sentences"

const start = Date.parse("2026-11-24T02:41:07.000Z")

/** Entries a second apart. Those of `control` are written by the control plane. */
const entriesOf = (
  ...events: ReadonlyArray<
    Readonly<Record<string, unknown>> & { readonly type: string; readonly control?: boolean }
  >
): ReadonlyArray<Entry> =>
  events.map(({ control, ...payload }, index) => ({
    event_id: index + 1,
    event_type: payload.type,
    payload,
    external_event_sequence: control === true ? null : index + 1,
    created_at: new Date(start + index * 1000).toISOString(),
  })) as unknown as ReadonlyArray<Entry>

const custom = (name: string, value: unknown) => ({ type: "CUSTOM", name: `runlease.${name}`, value })
const control = (name: string, value: unknown) => ({ ...custom(name, value), control: true })
const text = (messageId: string, ...deltas: ReadonlyArray<string>) => [
  { type: "TEXT_MESSAGE_START", messageId },
  ...deltas.map((delta) => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta })),
]
const call = (toolCallId: string, toolCallName: string, args: string) => [
  { type: "TOOL_CALL_START", toolCallId, toolCallName },
  { type: "TOOL_CALL_ARGS", toolCallId, delta: args },
  { type: "TOOL_CALL_END", toolCallId },
]
const step = (name: string, more: object = {}) =>
  custom("step", { step_id: "1234567890", record_id: `record-${name}`, name, ...more })
const died = (more: object = {}) =>
  control("attempt", {
    previous: { attempt: 1, worker_id: "w1", ended: "lease_expired" },
    attempt: 2,
    worker_id: "w2",
    ...more,
  })

const folded = (...entries: ReadonlyArray<Entry>) => {
  const log = makeRunLog()
  take(log, entries)
  return log
}

const only = <K extends Part["kind"]>(parts: ReadonlyArray<Part>, kind: K) =>
  parts.filter((part): part is Extract<Part, { readonly kind: K }> => part.kind === kind)

describe("the log of a run", () => {
  it("joins the deltas of a text", () => {
    const log = folded(
      ...entriesOf(...text("m1", "Hello", ", world"), { type: "TEXT_MESSAGE_END", messageId: "m1" }),
    )
    expect(only(log.parts, "text")).toMatchObject([
      { text: "Hello, world", open: false, cut: false, superseded: false },
    ])
  })

  it("gives the same parts whether entries come at once or one by one, some of them twice", () => {
    const entries = entriesOf(...text("m1", "a", "b"), ...call("c1", "shell", "{}"), {
      type: "TOOL_CALL_RESULT",
      toolCallId: "c1",
      content: "ok",
    })
    const log = makeRunLog()
    for (const [index] of entries.entries()) take(log, entries.slice(Math.max(0, index - 2), index + 1))
    const parts = (of: ReadonlyArray<Part>) => of.map(({ version: _version, ...part }) => part)
    expect(parts(log.parts)).toEqual(parts(folded(...entries).parts))
    expect(log.entries).toHaveLength(entries.length)
  })

  it("marks what a dead attempt has broken off, and keeps what a record names", () => {
    const log = folded(
      ...entriesOf(
        ...text("m1", "whole"),
        { type: "TEXT_MESSAGE_END", messageId: "m1" },
        step("answer", { key: 1, messages: ["m1"] }),
        ...text("m2", "half"),
        { type: "TEXT_MESSAGE_END", messageId: "m2", control: true },
        died({ unfinished: 1 }),
      ),
    )
    expect(only(log.parts, "text")).toMatchObject([
      { text: "whole", cut: false, superseded: false },
      { text: "half", cut: true, superseded: true },
    ])
    expect(only(log.parts, "takeover")).toMatchObject([
      { unfinished: 1, read: 1, worker: "w2", previousWorker: "w1" },
    ])
  })

  it("keeps what was said before a wait for an answer", () => {
    const log = folded(
      ...entriesOf(
        ...text("m1", "May I?"),
        { type: "TEXT_MESSAGE_END", messageId: "m1" },
        {
          type: "RUN_FINISHED",
          outcome: { type: "interrupt", interrupts: [{ id: "q", reason: "confirmation" }] },
          control: true,
        },
        { type: "RUN_STARTED", control: true },
        died(),
      ),
    )
    expect(only(log.parts, "text")).toMatchObject([{ superseded: false }])
    expect(only(log.parts, "question")).toMatchObject([{ question: { id: "q" } }])
  })

  it("shows a question about a call with the call", () => {
    const log = folded(
      ...entriesOf(...call("c1", "push", "{}"), {
        type: "RUN_FINISHED",
        outcome: { type: "interrupt", interrupts: [{ id: "q", reason: "tool_call", toolCallId: "c1" }] },
        control: true,
      }),
    )
    expect(only(log.parts, "question")).toEqual([])
    expect(only(log.parts, "tool")).toMatchObject([{ name: "push", question: { id: "q", toolCallId: "c1" } }])
  })

  it("shows the arguments of a call as the question about it does, without its secrets", () => {
    const asked = { id: "q", reason: "tool_call", toolCallId: "c1", toolArguments: { pin: "<redacted>" } }
    const [part] = only(
      folded(
        ...entriesOf(...call("c1", "push", '{"pin":"canary"}'), {
          type: "RUN_FINISHED",
          outcome: { type: "interrupt", interrupts: [asked] },
          control: true,
        }),
      ).parts,
      "tool",
    )
    expect(argumentsOf(part!)).toBe('{"pin":"<redacted>"}')
    expect(argumentsOf({ ...part!, question: null })).toBe('{"pin":"canary"}')
  })

  it("knows a step by its id where it has a key, and breaks off one whose attempt dies", () => {
    const log = folded(
      ...entriesOf(
        { type: "STEP_STARTED", stepName: "read:12345678" },
        { type: "STEP_FINISHED", stepName: "read:12345678" },
        step("read", { key: "a", result: '"text"' }),
        { type: "STEP_STARTED", stepName: "write" },
        { type: "STEP_FINISHED", stepName: "write", control: true },
        died(),
      ),
    )
    expect(only(log.parts, "step")).toMatchObject([
      { name: "read", stepKey: "a", result: '"text"', recorded: 3, endedAt: start + 1000, brokenAt: null },
      { name: "write", recorded: null, endedAt: null, brokenAt: start + 4000 },
    ])
  })

  it("shows a step that failed as failed, with its message, and nothing for one without a value", () => {
    const log = folded(
      ...entriesOf(
        { type: "STEP_STARTED", stepName: "parse" },
        { type: "STEP_FINISHED", stepName: "parse", error: { message: "not JSON, at line 3", code: "E" } },
        { type: "STEP_STARTED", stepName: "sealed" },
        { type: "STEP_FINISHED", stepName: "sealed", error: {} },
        { type: "STEP_STARTED", stepName: "pay" },
        { type: "STEP_FINISHED", stepName: "pay", error: { message: "declined" } },
        step("pay", { failure: '{"code":4}' }),
        { type: "STEP_STARTED", stepName: "relayed" },
        { type: "STEP_FINISHED", stepName: "relayed", metadata: { "runlease.isError": true } },
        { type: "STEP_STARTED", stepName: "done" },
        { type: "STEP_FINISHED", stepName: "done" },
        step("done", {}),
        { type: "STEP_STARTED", stepName: "open" },
      ),
    )
    const now = start + 13_000
    expect(
      only(log.parts, "step").map((part) => [
        part.name,
        isFailed(part),
        resultWords(part),
        outcomeOf(part, now),
      ]),
    ).toEqual([
      ["parse", true, "failed: not JSON, at line 3", "failed: not JSON, at line 3, 1 s"],
      ["sealed", true, "failed", "failed, 1 s"],
      ["pay", true, "failed: declined", "failed: declined, 1 s"],
      ["relayed", true, "failed", "failed, 1 s"],
      ["done", false, "", "1 s"],
      ["open", false, "", "1 s so far"],
    ])
  })

  it("joins the result of a record in parts, which counts with its last one", () => {
    const part = (number: number, result: string) =>
      custom("step", { step_id: "s", record_id: "r", name: "big", part: number, parts: 2, result })
    expect(folded(...entriesOf(part(1, '"ab'))).steps).toEqual([])
    expect(folded(...entriesOf(part(1, '"ab'), part(2, 'cd"'))).steps).toMatchObject([{ result: '"abcd"' }])
  })

  it("takes from the control plane alone what only it may say", () => {
    const value = { child_run_id: "child", name: "research", index: 0 }
    expect(folded(...entriesOf(custom("child", value))).children.size).toBe(0)
    const log = folded(
      ...entriesOf(
        control("child", value),
        control("child", {
          child_run_id: "child",
          index: 0,
          outcome: { status: "failed", error: { message: "No" } },
        }),
      ),
    )
    expect(only(log.parts, "child")).toMatchObject([
      { runId: "child", outcome: { status: "failed", message: "No" } },
    ])
  })

  it("says that a message was read once a step has taken it", () => {
    const message = control("message", {
      number: 1,
      message_id: "t",
      parts: [{ type: "text", text: "Shorter" }],
    })
    expect(only(folded(...entriesOf(message)).parts, "told")).toMatchObject([
      { text: "Shorter", isRead: false },
    ])
    const inbox = custom("inbox", { step_id: "s", record_id: "r", name: "read", after: 0, to: 1 })
    expect(only(folded(...entriesOf(message, inbox)).parts, "told")).toMatchObject([{ isRead: true }])
  })

  it("folds the state", () => {
    const log = folded(
      ...entriesOf(
        { type: "STATE_SNAPSHOT", snapshot: { plan: ["a"], "x/y": 1 } },
        {
          type: "STATE_DELTA",
          delta: [
            { op: "add", path: "/plan/-", value: "b" },
            { op: "replace", path: "/x~1y", value: 2 },
            { op: "move", from: "/plan/0", path: "/first" },
            { op: "remove", path: "/gone/deep" },
          ],
        },
      ),
    )
    expect(log.state).toEqual({ plan: ["b"], "x/y": 2, first: "a" })
  })

  it("leaves an event as it was when a later delta changes the state that it has made", () => {
    const entries = entriesOf(
      { type: "STATE_SNAPSHOT", snapshot: { plan: [] } },
      { type: "STATE_DELTA", delta: [{ op: "add", path: "/plan/-", value: { step: 1 } }] },
      { type: "STATE_DELTA", delta: [{ op: "replace", path: "/plan/0/step", value: 2 }] },
      { type: "STATE_DELTA", delta: [{ op: "add", path: "no pointer", value: 3 }] },
    )
    const before = structuredClone(entries)
    expect(folded(...entries).state).toEqual({ plan: [{ step: 2 }] })
    expect(entries).toEqual(before)
  })

  it("folds the deltas of a state that no snapshot begins", () => {
    expect(
      folded(...entriesOf({ type: "STATE_DELTA", delta: [{ op: "add", path: "/a", value: 1 }] })).state,
    ).toEqual({ a: 1 })
  })

  it("folds 100,000 entries", () => {
    const deltas = Array.from({ length: 100_000 }, (_, index) => ({
      type: "TEXT_MESSAGE_CONTENT",
      messageId: `m${Math.floor(index / 50)}`,
      delta: "word ",
    }))
    const log = folded(...entriesOf(...deltas))
    expect(log.parts).toHaveLength(2000)
    expect(log.lastId).toBe(100_000)
  })
})

describe("a fork from a part of a run", () => {
  const events = [
    ...text("m1", "I look."),
    ...call("c1", "search", "{}"),
    ...call("c2", "charge", "{}"),
    step("answer", { messages: ["m1"], tool_calls: ["c1", "c2"] }),
    { type: "TOOL_CALL_RESULT", toolCallId: "c1", content: '{"hits":2}' },
    step("pay", { step_id: "pay-id", result: "7" }),
    { type: "STEP_STARTED", stepName: "send" },
  ]

  it("begins where the value is recorded, and edits it", () => {
    const log = folded(
      ...entriesOf(...events, { type: "STEP_FINISHED", stepName: "send", error: { message: "no network" } }),
    )
    const [search, charge] = only(log.parts, "tool")
    const [, pay, send] = only(log.parts, "step")
    const shown = [
      ForkOrigin.ofText(only(log.parts, "text")[0]!),
      ForkOrigin.ofTool(search!),
      ForkOrigin.ofTool(charge!),
      ForkOrigin.ofStep(pay!),
      ForkOrigin.ofStep(send!),
    ].map((origin) => [origin?.after, origin?.editable?.value, origin?.editable?.edit("new")])
    expect(shown).toEqual([
      [9, "I look.", { type: "text", message_id: "m1", text: "new" }],
      [10, { hits: 2 }, { type: "tool", tool_call_id: "c1", result: "new" }],
      [9, undefined, { type: "tool", tool_call_id: "c2", result: "new" }],
      [11, 7, { type: "step", step: "pay-id", result: "new" }],
      [12, undefined, { type: "step", step: "send", result: "new" }],
    ])
  })

  it("begins at nothing that is at work, or that a later attempt does again", () => {
    const log = folded(
      ...entriesOf(...text("m1", "I look."), ...call("c1", "search", "{}"), events.at(-1)!, died()),
    )
    expect([
      ForkOrigin.ofText(only(log.parts, "text")[0]!),
      ForkOrigin.ofTool(only(log.parts, "tool")[0]!),
      ForkOrigin.ofStep(only(log.parts, "step")[0]!),
    ]).toEqual([undefined, undefined, undefined])
  })

  it("does not show the secrets of an answer again", () => {
    const question = { id: "login", schema: undefined } as never
    const answer = {
      interruptId: "login",
      status: "resolved",
      payload: { token: "<redacted>" },
      isError: false,
    } as const
    const part = { kind: "question", key: "q", eventId: 4, at: start, version: 0, question } as const
    expect(ForkOrigin.ofAnswer(part, answer).editable?.value).toBeUndefined()
  })

  it("has who cancelled the run, and who retried it", () => {
    const retry = { run_id: "r1", records: 2, answers: 0, from_start: false }
    const log = folded(
      ...entriesOf(control("retry", { ...retry, by: "API key 1" }), {
        type: "RUN_FINISHED",
        outcome: { type: "cancelled" },
        by: "API key 2",
        control: true,
      }),
    )
    expect(log.retry).toEqual({ runId: "r1", records: 2, answers: 0, fromStart: false, by: "API key 1" })
    expect(log.parts.at(-1)).toMatchObject({ kind: "end", status: "cancelled", by: "API key 2" })
    expect(folded(...entriesOf(control("retry", retry))).retry?.by).toBeNull()
  })

  it("is listed with its edits, as the control plane says", () => {
    const value = {
      run_id: "r1",
      after: 4,
      by: "API key 1",
      edits: [
        { type: "step", step: "pay", step_id: "s" },
        { type: "tool", tool_call_id: "c1" },
        { type: "answer", interrupt_id: "refund" },
        { type: "message" },
        { type: "input" },
        { type: "agent", agent_id: "writer", before: "agent" },
      ],
    }
    expect(folded(...entriesOf(control("edits", value))).edits).toEqual({
      runId: "r1",
      after: 4,
      by: "API key 1",
      edits: [
        "step pay",
        "call c1",
        "answer to refund",
        "the message of the user",
        "the payload",
        "agent writer",
      ],
    })
    expect(folded(...entriesOf(custom("edits", value))).edits).toBeUndefined()
  })
})
