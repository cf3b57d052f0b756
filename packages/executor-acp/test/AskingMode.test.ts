import { AgentEvent } from "@runlease/core"
import { describe, expect, it } from "@effect/vitest"
import { assertInclude, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import type { AcpExecutor } from "@runlease/executor-acp"
import * as AskingMode from "../src/internal/AskingMode.js"
import { eventsOf, failureOf, ports, type Script, scripted, type Subject, textOf } from "./Agents.js"

const mode = (id: string, description?: string, name = id) => ({ id, name, description: description ?? null })

const claude = [
  mode("default", "Always ask before making changes", "Manual"),
  mode("acceptEdits", "Automatically accept all file edits", "Accept edits"),
  mode("plan", "Create a plan before making changes", "Plan"),
  mode("auto", "Claude handles permission decisions", "Auto"),
  mode("bypassPermissions", "Accepts all permissions", "Bypass permissions"),
]

const codex = [
  mode("read-only", "Requires approval to edit files and access the internet.", "Read-only"),
  mode(
    "workspace-write",
    "Edit workspace files; ask before writing outside the workspace or accessing the network.",
    "Workspace access",
  ),
  mode("agent", "Only ask for actions detected as potentially unsafe", "Auto review"),
  mode(
    "agent-full-access",
    "Unrestricted access to the internet and any file on your computer",
    "Full access",
  ),
]

const modes = (availableModes: ReadonlyArray<ReturnType<typeof mode>>, currentModeId: string) => ({
  modes: { availableModes: Array.from(availableModes), currentModeId },
})

const option = (
  available: ReadonlyArray<ReturnType<typeof mode>>,
  currentValue: string,
  more: Readonly<Record<string, unknown>> = {},
) => ({
  id: "mode",
  name: "Mode",
  category: "mode",
  type: "select" as const,
  currentValue,
  options: available.map(({ id, ...words }) => ({ value: id, ...words })),
  ...more,
})

const chosen = (offer: AskingMode.Offer, agent?: string) =>
  AskingMode.choose(agent, offer).map(({ configId, id }) =>
    configId === undefined ? id : `${configId}=${id}`,
  )

describe("the asking mode", () => {
  it("is the one that the words of a mode describe", () => {
    expect(chosen(modes(claude, "auto"))).toEqual(["default"])
    expect(chosen(modes(codex, "agent"))).toEqual(["read-only"])
    expect(chosen(modes([mode("fast"), mode("careful", "Prompts for approval")], "fast"))).toEqual([
      "careful",
    ])
    expect(
      chosen(
        modes([mode("a"), mode("b", "Approval is required to edit files or access the internet.")], "a"),
      ),
    ).toEqual(["b"])
  })

  it("is never one whose words make exceptions, or ask something else", () => {
    for (const words of [
      "Does not ask before making changes",
      "Never asks for permission",
      "Makes changes without asking for approval",
      "Asks for approval except for edits",
      "Asks before running dangerous commands",
      "Automatically approves edits, asks for permission to run commands",
      "Asks before writing outside the workspace",
      "Asks questions about your code",
      "Asks for clarification when needed",
      "Skips what requires approval",
      "Requires no approval",
    ]) {
      expect([words, chosen(modes([mode("a", words)], "a"))]).toEqual([words, []])
    }
    expect(chosen(modes([mode("ask"), mode("default"), mode("build"), mode("plan")], "build"))).toEqual([])
    expect(chosen({})).toEqual([])
    expect(chosen({ modes: null, configOptions: null })).toEqual([])
  })

  it("is chosen by its id for agents with known modes", () => {
    const plain = (all: ReadonlyArray<ReturnType<typeof mode>>) => all.map(({ id }) => mode(id))
    expect(chosen(modes(plain(claude), "auto"), "@agentclientprotocol/claude-agent-acp")).toEqual(["default"])
    expect(chosen(modes(plain(codex), "agent"), "@agentclientprotocol/codex-acp")).toEqual(["read-only"])
    expect(chosen(modes(plain(claude), "auto"), "another")).toEqual([])
  })

  it("is a value of a configuration option, if the agent has one for modes", () => {
    expect(chosen({ ...modes(claude, "auto"), configOptions: [option(claude, "auto")] })).toEqual([
      "mode=default",
    ])
    const groups = [
      { group: "a", name: "A", options: option(codex.slice(1), "agent").options },
      { group: "b", name: "B", options: option(codex.slice(0, 1), "agent").options },
    ]
    expect(chosen({ configOptions: [option([], "agent", { options: groups })] })).toEqual(["mode=read-only"])
    expect(
      chosen({ configOptions: [option(codex, "agent", { id: "approval_policy", category: null })] }),
    ).toEqual(["approval_policy=read-only"])
  })

  it("is a session mode, if no configuration option has it", () => {
    const model = option([mode("m", "Asks before making changes")], "m", { id: "model", category: "model" })
    expect(chosen({ ...modes(claude, "auto"), configOptions: [model] })).toEqual(["default"])
  })

  it("is one of each option that has one, and the current one if it asks", () => {
    const approval = option(codex, "agent", { id: "approval", category: "_own" })
    expect(chosen({ configOptions: [option(claude, "auto"), approval] })).toEqual([
      "mode=default",
      "approval=read-only",
    ])
    const [asks, asksToo] = [mode("a", "Asks for approval"), mode("b", "Asks for permission")]
    expect(chosen(modes([asks, asksToo], "b"))).toEqual(["b"])
    expect(chosen(modes([asks, asksToo, mode("c")], "c"))).toEqual(["a"])
  })
})

const permission = { title: "Edit a", kind: "edit", rawInput: { path: "/a" } }

const agent = (script: Script, changes: Partial<AcpExecutor.Options>) =>
  scripted({ steps: [{ permission }], asksIn: ["default", "read-only"], ...script }, changes)

const noted = (subject: Subject, key: string) =>
  Effect.map(subject.notes, (notes) => notes.flatMap((note) => (key in note ? [note[key]] : [])))

const warnings = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.filter(({ name, type }) => type === "CUSTOM" && name === "acp.asking_mode_unknown")

describe("an agent that starts in a mode that asks nothing", () => {
  for (const [title, script, key, value] of [
    ["session mode", modes(claude, "auto"), "setMode", "default"],
    ["configuration option", { configOptions: [option(codex, "agent")] }, "setOption", ["mode", "read-only"]],
  ] as const) {
    it.live(`is put into one that asks, by its ${title}`, () =>
      Effect.gen(function* () {
        const subject = yield* agent(script, { permission: "deny" })
        const events = yield* eventsOf(subject)
        strictEqual(textOf(events), "[no]")
        deepStrictEqual(yield* noted(subject, key), [value])
        deepStrictEqual(warnings(events), [])
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("suspends the run with its first question", () =>
    Effect.gen(function* () {
      const subject = yield* agent(modes(claude, "auto"), { permission: "ask" })
      const failure = yield* Effect.flip(eventsOf(subject))
      strictEqual(failure._tag, "AwaitAnswers")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("does not change its mode under allow", () =>
    Effect.gen(function* () {
      const subject = yield* agent(modes(claude, "auto"), { permission: "allow" })
      const events = yield* eventsOf(subject)
      strictEqual(textOf(events), "[unasked]")
      deepStrictEqual(yield* noted(subject, "setMode"), [])
      deepStrictEqual(warnings(events), [])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("does not change a mode that asks", () =>
    Effect.gen(function* () {
      const subject = yield* agent(modes(claude, "default"), { permission: "deny" })
      strictEqual(textOf(yield* eventsOf(subject)), "[no]")
      deepStrictEqual(yield* noted(subject, "setMode"), [])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("an agent that cannot be put into a mode that asks", () => {
  const unable: ReadonlyArray<readonly [string, Script]> = [
    ["offers none", {}],
    ["offers none that promises to ask", modes([mode("build"), mode("plan")], "build")],
    ["refuses the mode", { ...modes(claude, "auto"), failMode: true }],
    ["refuses the option", { configOptions: [option(claude, "auto")], failMode: true }],
    ["does not change its option", { configOptions: [option(claude, "auto")], keepMode: true }],
  ]
  for (const [title, script] of unable) {
    it.live(`because it ${title} causes a warning at the start of the run, or a failure`, () =>
      Effect.gen(function* () {
        const events = yield* eventsOf(yield* agent(script, { permission: "deny" }))
        strictEqual(warnings(events).length, 1)
        deepStrictEqual(events[0], warnings(events)[0])
        const subject = yield* agent(script, { permission: "deny", unknownMode: "refuse" })
        const { error } = yield* failureOf(subject)
        strictEqual(error.code, "agent_mode_unknown")
        strictEqual(error.retryable, false)
        assertInclude(error.message, "mode that asks")
        deepStrictEqual(yield* noted(subject, "prompt"), [])
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }
})
