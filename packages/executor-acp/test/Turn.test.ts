import { AgentEvent, LogState, Run } from "@runlease/core"
import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Schema } from "effect"
import {
  callId,
  claimed,
  conversationId,
  detailsOf,
  eventsOf,
  failureOf,
  messageId,
  ports,
  resultsOf,
  scripted,
  textOf,
} from "./Agents.js"

const Metadata = Schema.Struct({ acp: Schema.Struct({ sessionId: Schema.String }) })

const finished = (metadata: Record<string, unknown>) => ({
  type: "RUN_FINISHED",
  threadId: conversationId,
  runId: "run-1",
  outcome: { type: "success" },
  metadata,
})

describe("a turn", () => {
  it.live("becomes events", () =>
    Effect.gen(function* () {
      const call = { toolCallId: "c1", title: "Edit a", kind: "edit" }
      const diff = [{ type: "diff", path: "/a", oldText: "x", newText: "y" }]
      const plan = [{ content: "think", priority: "high", status: "pending" }]
      const subject = yield* scripted({
        usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
        steps: [
          { update: { sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "Hm" } } },
          { update: { sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "m." } } },
          { say: "One " },
          { say: "two." },
          { update: { sessionUpdate: "plan", entries: plan } },
          { update: { sessionUpdate: "tool_call", status: "pending", rawInput: {}, ...call } },
          {
            update: {
              sessionUpdate: "tool_call_update",
              toolCallId: "c1",
              status: "in_progress",
              rawInput: { path: "/a" },
              locations: [{ path: "/a", line: 3 }],
            },
          },
          {
            update: {
              sessionUpdate: "tool_call_update",
              toolCallId: "c1",
              status: "completed",
              content: diff,
              rawOutput: { ok: true },
            },
          },
          { update: { sessionUpdate: "current_mode_update", currentModeId: "plan" } },
          { update: { sessionUpdate: "not_known_yet", anything: [1] } },
          {
            update: {
              sessionUpdate: "agent_message_chunk",
              content: { type: "image", mimeType: "image/png", data: "AA==" },
            },
          },
          { update: { sessionUpdate: "usage_update", used: 10, size: 100 } },
          { say: "Three." },
        ],
      })
      const events = yield* eventsOf(subject)
      const { acp } = yield* Schema.decodeUnknown(Metadata)(events.at(-1)!["metadata"])
      const { sessionId } = acp
      const c1 = callId("c1")
      deepStrictEqual(events, [
        { type: "REASONING_START", messageId },
        { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
        { type: "REASONING_MESSAGE_CONTENT", messageId, delta: "Hm" },
        { type: "REASONING_MESSAGE_CONTENT", messageId, delta: "m." },
        { type: "REASONING_MESSAGE_END", messageId },
        { type: "REASONING_END", messageId },
        AgentEvent.textStart(`${messageId}.1`),
        AgentEvent.textContent(`${messageId}.1`, "One "),
        AgentEvent.textContent(`${messageId}.1`, "two."),
        {
          type: "ACTIVITY_SNAPSHOT",
          messageId: `${messageId}-plan`,
          activityType: "PLAN",
          content: { entries: plan },
          replace: true,
        },
        AgentEvent.textEnd(`${messageId}.1`),
        AgentEvent.toolCallStart(c1, "Edit a"),
        AgentEvent.toolCallArgs(c1, '{"path":"/a"}'),
        AgentEvent.toolCallEnd(c1),
        AgentEvent.custom("acp.tool_call", {
          toolCallId: c1,
          status: "in_progress",
          locations: [{ path: "/a", line: 3 }],
        }),
        AgentEvent.custom("acp.tool_call", {
          toolCallId: c1,
          status: "completed",
          content: diff,
          rawOutput: { ok: true },
        }),
        {
          type: "TOOL_CALL_RESULT",
          messageId: `${c1}-result`,
          toolCallId: c1,
          role: "tool",
          content: '{"ok":true}',
        },
        AgentEvent.custom("acp.current_mode_update", { currentModeId: "plan" }),
        AgentEvent.custom("acp.not_known_yet", { anything: [1] }),
        AgentEvent.custom("acp.content", {
          kind: "text",
          sessionUpdate: "agent_message_chunk",
          content: { type: "image", mimeType: "image/png", data: "AA==" },
        }),
        AgentEvent.textStart(`${messageId}.2`),
        AgentEvent.textContent(`${messageId}.2`, "Three."),
        AgentEvent.textEnd(`${messageId}.2`),
        finished({
          usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
          acp: { sessionId, stopReason: "end_turn", context: { used: 10, size: 100 } },
        }),
      ])
      strictEqual(yield* subject.alive, 0)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("marks the result of a failed call in the metadata of its event", () =>
    Effect.gen(function* () {
      const call = { sessionUpdate: "tool_call", toolCallId: "c", title: "Read", status: "failed" }
      const content = [{ type: "content", content: { type: "text", text: "No such file" } }]
      const events = yield* eventsOf(yield* scripted({ steps: [{ update: { ...call, content } }] }))
      const result = events.find(({ type }) => type === "TOOL_CALL_RESULT")!
      deepStrictEqual(
        result,
        AgentEvent.toolCallFailure(String(result["messageId"]), callId("c"), "No such file"),
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("has one message for each message id, also when interleaved", () =>
    Effect.gen(function* () {
      const chunk = (kind: string, id: string | undefined, text: string) => ({
        update: {
          sessionUpdate: `agent_${kind}_chunk`,
          ...(id === undefined ? {} : { messageId: id }),
          content: { type: "text", text },
        },
      })
      const call = (toolCallId: string) => ({
        update: { sessionUpdate: "tool_call", toolCallId, title: "t", status: "completed" },
      })
      const subject = yield* scripted({
        steps: [
          chunk("message", "a", "1"),
          chunk("thought", "a", "2"),
          call("c1"),
          chunk("message", "a", "3"),
          chunk("thought", "a", "4"),
          chunk("message", "b", "5"),
          chunk("message", undefined, "6"),
          call("c2"),
          chunk("message", undefined, "7"),
        ],
      })
      const events = yield* eventsOf(subject)
      const texts = (type: string) => {
        const all = new Map<unknown, string>()
        for (const event of events) {
          if (event.type !== type) continue
          const id = event["messageId"]
          all.set(id, (all.get(id) ?? "") + String(event["delta"]))
        }
        return Array.from(all.values())
      }
      deepStrictEqual(texts("TEXT_MESSAGE_CONTENT"), ["13", "5", "6", "7"])
      deepStrictEqual(texts("REASONING_MESSAGE_CONTENT"), ["24"])
      const states = events.map((_, index) => LogState.afterAll(LogState.initial, events.slice(0, index)))
      for (const [index, event] of events.entries()) {
        assertTrue(!LogState.misplaced(states[index]!, event), JSON.stringify(event))
      }
      deepStrictEqual(states.at(-1)!.open, [])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("shows a new title and kind of a call, and removed content", () =>
    Effect.gen(function* () {
      const content = [{ type: "content", content: { type: "text", text: "draft" } }]
      const more = (fields: object) => ({
        update: { sessionUpdate: "tool_call_update", toolCallId: "c", ...fields },
      })
      const subject = yield* scripted({
        steps: [
          {
            update: { sessionUpdate: "tool_call", toolCallId: "c", title: "Run", kind: "other", content: [] },
          },
          more({ title: "Run ls", kind: "execute" }),
          more({ title: "Run ls", content }),
          more({ content: [] }),
          more({ status: "completed" }),
        ],
      })
      const events = yield* eventsOf(subject)
      deepStrictEqual(detailsOf(events), [
        { toolCallId: callId("c"), title: "Run ls", kind: "execute" },
        { toolCallId: callId("c"), title: "Run ls", content },
        { toolCallId: callId("c"), content: [] },
      ])
      deepStrictEqual(resultsOf(events), [""])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("takes the output of a call's terminal as its result, also after the release", () =>
    Effect.gen(function* () {
      const terminal = { command: "printf", args: ["out"] }
      const shown = (toolCallId: string) => ({ toolCallId, title: "Run", status: "completed" })
      const subject = yield* scripted({
        steps: [
          { terminal, wait: true, shown: shown("open") },
          { terminal, wait: true, release: true, shown: shown("released") },
          {
            update: {
              sessionUpdate: "tool_call",
              ...shown("unknown"),
              content: [{ type: "terminal", terminalId: "t" }],
            },
          },
        ],
      })
      deepStrictEqual(resultsOf(yield* eventsOf(subject)), [
        "out",
        "out",
        '[{"type":"terminal","terminalId":"t"}]',
      ])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("takes the result of a command that the agent runs itself from the agents' own fields", () =>
    Effect.gen(function* () {
      const call = (toolCallId: string, fields: object, meta: object) => ({
        update: { sessionUpdate: "tool_call_update", toolCallId, ...fields, _meta: meta },
      })
      const output = (terminal_id: string, data: string) => ({ terminal_id, data })
      const terminal = (terminalId: string) => ({
        title: "Run",
        content: [{ type: "terminal", terminalId }],
      })
      const completed = { status: "completed" }
      const subject = yield* scripted({
        steps: [
          call("a", terminal("a"), { terminal_info: { terminal_id: "a", cwd: "/" } }),
          call("a", {}, { terminal_output_delta: output("a", "one ") }),
          call("b", terminal("b"), { terminal_output: output("b", "old") }),
          call("a", {}, { terminal_output_delta: output("a", "two") }),
          call("a", completed, { terminal_exit: { terminal_id: "a", exit_code: 0 } }),
          call("b", completed, { terminal_output: output("b", "new") }),
          call(
            "c",
            { ...terminal("c"), ...completed },
            { terminal_exit: { terminal_id: "c", exit_code: 1 } },
          ),
          call("d", { ...terminal("d"), ...completed }, { terminal_output: "none", other: 1 }),
        ],
      })
      const events = yield* eventsOf(subject)
      deepStrictEqual(resultsOf(events), ["one two", "new", "", '[{"type":"terminal","terminalId":"d"}]'])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  for (const stop of ["max_tokens", "max_turn_requests", "refusal"]) {
    it.live(`that stops for ${stop} fails the run with that code`, () =>
      Effect.gen(function* () {
        const events = yield* eventsOf(yield* scripted({ steps: [{ say: "a" }, { stop }] }))
        const last = events.at(-1)!
        deepStrictEqual([last.type, last["code"]], ["RUN_ERROR", stop])
        strictEqual(textOf(events), "a")
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("that the agent reports as cancelled ends the run as cancelled", () =>
    Effect.gen(function* () {
      const events = yield* eventsOf(yield* scripted({ steps: [{ stop: "cancelled" }] }))
      deepStrictEqual(events.at(-1)!["outcome"], { type: "cancelled" })
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("has new ids after an earlier attempt", () =>
    Effect.gen(function* () {
      const call = { sessionUpdate: "tool_call", toolCallId: "c", title: "t", status: "completed" }
      const subject = yield* scripted({ steps: [{ say: "a" }, { update: call }] })
      const events = yield* eventsOf(subject, claimed({ latestSequence: Run.Sequence.make(4) }))
      assertTrue(events[0]!["messageId"] !== messageId)
      strictEqual(events.find(({ type }) => type === "TOOL_CALL_START")!["toolCallId"], `${callId("c")}-1`)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("truncates data that is too large for an event, and never fails for the size of a result", () =>
    Effect.gen(function* () {
      const text = "é".repeat(300_000)
      const content = [{ type: "content", content: { type: "text", text } }]
      const call = {
        sessionUpdate: "tool_call",
        toolCallId: "c",
        title: "t",
        status: "completed",
        content,
        rawInput: { text },
      }
      const events = yield* eventsOf(yield* scripted({ steps: [{ update: call }] }))
      for (const event of events) assertTrue(Buffer.byteLength(JSON.stringify(event)) < 245_760)
      const result = events.find(({ type }) => type === "TOOL_CALL_RESULT")!
      assertInclude(String(result["content"]), "more characters")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("an agent that fails", () => {
  const failing = (
    title: string,
    script: Parameters<typeof scripted>[0],
    code: string,
    ...texts: ReadonlyArray<string>
  ) =>
    it.live(title, () =>
      Effect.gen(function* () {
        const subject = yield* scripted(script)
        const { error, events } = yield* failureOf(subject)
        strictEqual(error.code, code)
        for (const text of texts) assertInclude(error.message, text)
        strictEqual(yield* subject.alive, 0)
        if (script.steps?.[0]?.["say"] !== undefined) strictEqual(textOf(events), script.steps[0]["say"])
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )

  failing(
    "at its start",
    { crash: "start", stderr: "no key" },
    "agent_exited",
    "exited with code 7",
    "no key",
  )
  failing("at initialize", { crash: "initialize" }, "agent_exited", "exited with code 8")
  failing("at session/new", { crash: "session" }, "agent_exited", "exited with code 9")
  failing("in a turn", { steps: [{ say: "a" }, { exit: 3 }], stderr: "why" }, "agent_exited", "why")
  failing("by a signal", { steps: [{ say: "a" }, { signal: "SIGKILL" }] }, "agent_killed", "SIGKILL")
  failing("with an error of its own", { refuse: "no model" }, "agent_error", "no model", "session/prompt")
  failing("with another version", { version: 7 }, "agent_protocol_version", "version 7")
  failing("for want of a login", { auth: true }, "agent_auth_required", "scripted login", "authMethod")
  failing(
    "with a message too large",
    { steps: [{ say: "a" }, { huge: 9 * 1024 * 1024 }] },
    "agent_message_too_large",
  )
  failing(
    "with output that is not its protocol",
    { banner: Array.from({ length: 20 }, () => "usage: agent [options]") },
    "agent_protocol_error",
    "usage: agent",
  )
  failing(
    "with JSON that is no message",
    { steps: [{ raw: '{"a":1}\n'.repeat(20) }, { hang: true }] },
    "agent_protocol_error",
  )

  it.live("to open a session in time", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf(yield* scripted({ hang: "initialize" }, { startWithin: "1 second" }))
      strictEqual(error.code, "agent_slow")
      strictEqual(error.retryable, true)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is none for a banner", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ banner: ["Welcome!", "", "[1,2]"], steps: [{ say: "a" }] })
      strictEqual(textOf(yield* eventsOf(subject)), "a")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is not one that can log in with the method of the options", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ auth: true, steps: [{ say: "a" }] }, { authMethod: "key" })
      strictEqual(textOf(yield* eventsOf(subject)), "a")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  const authMethods = [
    { id: "key", name: "Key" },
    { id: "login", name: "Log in", type: "terminal" },
  ]
  for (const [authMethod, why] of [
    ["login", "in a terminal"],
    ["other", "has no method other"],
  ] as const) {
    it.live(`for want of a method that a worker can use: ${authMethod}`, () =>
      Effect.gen(function* () {
        const subject = yield* scripted({ auth: true, authMethods }, { authMethod })
        const { error } = yield* failureOf(subject)
        strictEqual(error.code, "agent_auth_required")
        assertInclude(error.message, why)
        assertInclude(error.message, "Key (key)")
        assertTrue(!(yield* subject.notes).some((note) => "authenticate" in note))
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("for want of a login at the prompt", () =>
    Effect.gen(function* () {
      const script = { authAtPrompt: true, authMethods, steps: [{ say: "a" }] }
      const { error } = yield* failureOf(yield* scripted(script))
      strictEqual(error.code, "agent_auth_required")
      assertInclude(error.message, "Key (key)")
      strictEqual(textOf(yield* eventsOf(yield* scripted(script, { authMethod: "key" }))), "a")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is not found", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf(yield* scripted({}, { command: "no-such-agent" }))
      strictEqual(error.code, "command_not_found")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
