import { describe, expect, it } from "@effect/vitest"
import { assertInclude, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as AskingMode from "../src/internal/AskingMode.js"
import { eventsOf, failureOf, ports, type Script, scripted, textOf } from "./Agents.js"

/** Lists and fields of a wrong type. */
const malformed: ReadonlyArray<readonly [string, Script]> = [
  ["no capabilities", { initialized: { agentCapabilities: null, agentInfo: null, authMethods: null } }],
  ["invalid capabilities", { initialized: { agentCapabilities: "all", agentInfo: 1, authMethods: "key" } }],
  [
    "capabilities of the wrong type",
    {
      initialized: {
        agentCapabilities: { promptCapabilities: "image", mcpCapabilities: 1, sessionCapabilities: "resume" },
        authMethods: [null, { id: 1 }],
      },
    },
  ],
  ["invalid modes and options", { offer: { modes: "ask", configOptions: "mode" } }],
  [
    "malformed modes and options",
    {
      offer: {
        modes: { availableModes: [null, { id: 1 }], currentModeId: 2 },
        configOptions: [null, { id: "mode" }, { id: "mode", name: "Mode", type: "select", options: [null] }],
      },
    },
  ],
]

describe("an answer of the agent", () => {
  for (const [title, script] of malformed) {
    it.live(`with ${title} is read as without them`, () =>
      Effect.gen(function* () {
        const subject = yield* scripted({ steps: [{ say: "a" }], ...script }, { permission: "deny" })
        strictEqual(textOf(yield* eventsOf(subject)), "a")
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("may list login methods, of which malformed ones are left out", () =>
    Effect.gen(function* () {
      const authMethods = [null, { id: 1, name: "One" }, { id: "key", name: "Key" }]
      const { error } = yield* failureOf(yield* scripted({ auth: true, initialized: { authMethods } }))
      strictEqual(error.code, "agent_auth_required")
      assertInclude(error.message, "Key (key)")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("without a session fails the run", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf(yield* scripted({ noSession: true }))
      strictEqual(error.code, "agent_protocol_error")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  for (const answer of [null, {}, "end_turn"]) {
    it.live(`to the prompt that is ${JSON.stringify(answer)} is no success`, () =>
      Effect.gen(function* () {
        const events = yield* eventsOf(yield* scripted({ answer }))
        deepStrictEqual(
          [events.at(-1)!.type, events.at(-1)!["code"]],
          ["RUN_ERROR", "agent_stop_reason_unknown"],
        )
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }
})

describe("a question of the agent", () => {
  it.live("gets an answer although an optional field is malformed", () =>
    Effect.gen(function* () {
      const toolCall = { toolCallId: "c", kind: 1, status: [], content: [null], locations: "x", _meta: 2 }
      const options = [{ optionId: "once", kind: "allow_once", name: "Once", _meta: 3 }]
      const method = "session/request_permission"
      const subject = yield* scripted({ steps: [{ request: { method, params: { toolCall, options } } }] })
      yield* eventsOf(subject)
      deepStrictEqual(
        (yield* subject.notes).flatMap((note) => (note["method"] === method ? [note["result"]] : [])),
        [{ outcome: { outcome: "selected", optionId: "once" } }],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("the configuration options of a session", () => {
  const asks = { value: "careful", name: "Careful", description: "Asks for approval" }
  const option = { id: "mode", name: "Mode", type: "select", currentValue: "fast", options: [asks] }
  const chosen = (...configOptions: ReadonlyArray<object>) =>
    AskingMode.choose(undefined, JSON.parse(JSON.stringify({ configOptions }))).map(({ id }) => id)

  it("are found with a missing, a standard or an unknown category", () => {
    for (const category of [undefined, null, "mode", "_own", 1]) {
      expect([category, chosen({ ...option, category })]).toEqual([category, ["careful"]])
    }
    expect(chosen({ ...option, category: "model" })).toEqual([])
  })

  it("do not change if their type is unknown", () => {
    expect(chosen({ ...option, type: "slider" })).toEqual([])
    expect(chosen({ ...option, type: "slider" }, option)).toEqual(["careful"])
  })
})
