/** An agent of the SDK whose workers end anywhere, and programs that use the SDK. */
import { describe, expect, it } from "@effect/vitest"
import { Agent, handoff, Runner, shellTool, tool } from "@openai/agents-core"
import { Executor } from "@runlease/core"
import { OpenAIAgents } from "@runlease/openai-agents"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { Effect } from "effect"
import { z } from "zod"
import * as AdapterDesk from "../../ai-sdk/test/AdapterDesk.js"
import * as AdapterSuite from "../../ai-sdk/test/AdapterSuite.js"
import * as Desk from "./Desk.js"

AdapterSuite.make({
  desk: (url, options = {}) =>
    OpenAIAgents.agent(Desk.desk(options), {
      ...Desk.settingsAt(url),
      sideEffects: { find_order: "pure", refund: options.refundIs ?? "atMostOnce" },
    }),
  bare: (url) => OpenAIAgents.agent(new Agent({ name: "bare", model: "stand-in" }), Desk.settingsAt(url)),
  failed: () => "An error occurred while running the tool. Please try again.",
  missing: "missing",
})

/** Whether a request has the result of a call behind it. */
const hasResult = ({ messages }: ModelServer.Request) => messages.some(({ role }) => role === "tool")

const systemOf = ({ messages }: ModelServer.Request) => {
  const first = messages[0]
  return first?.role === "system" ? ModelServer.textOf(first) : ""
}

describe("a program that uses the SDK", () => {
  it.scopedLive("runs agents with questions between them, and returns what it shows", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* ModelServer.ModelServer
      const writer = new Agent({ name: "writer", model: "stand-in", instructions: "Write." })
      let attempts = 0
      const { events, run } = yield* AdapterSuite.outcomeOf((claimed) =>
        OpenAIAgents.run(claimed, Desk.settingsAt(url), async ({ model, run, steps }) => {
          attempts += 1
          const draft = await run(writer)
          expect(draft).toBe("A first draft.")
          const yes = await steps.approve("go", { message: "Go on?" })
          const provider = Desk.settingsAt(url).runner!.modelProvider!
          const quiet = new Agent({ name: "quiet", model: model(await provider.getModel("stand-in")) })
          const { finalOutput } = await new Runner().run(quiet, "Think")
          return `${finalOutput} ${yes}`
        }),
      )
      expect([run.status, attempts]).toEqual(["completed", 2])
      expect(AdapterDesk.textsOf(events)).toEqual(["A first draft.", "thought true"])
      expect(yield* requests).toHaveLength(2)
    }).pipe(AdapterSuite.withServers((_, before) => (before === 0 ? "A first draft." : "thought"))),
  )

  it.scopedLive("hands over to other agents, whose calls are recorded as well, and shows it", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* ModelServer.ModelServer
      const made: Array<AdapterDesk.Made> = []
      const desk = Desk.desk({ made, approval: true })
      const first = new Agent({
        name: "first",
        model: "stand-in",
        instructions: "Hand over.",
        handoffs: [desk],
      })
      // The desk hands back, so the agents have each other.
      desk.handoffs = [handoff(first)]
      const { events, run } = yield* AdapterSuite.outcomeOf(OpenAIAgents.agent(first, Desk.settingsAt(url)))
      expect([run.status, run.error]).toEqual(["completed", null])
      expect(made.map(({ name }) => name)).toEqual(["refund"])
      const results = events.filter(({ type }) => type === "TOOL_CALL_RESULT").map(({ content }) => content)
      expect(results).toEqual(["The agent is desk.", "40 EUR refunded"])
      expect(AdapterDesk.textsOf(events)).toEqual(["Done."])
      expect(yield* requests).toHaveLength(3)
    }).pipe(
      AdapterSuite.withServers((request) =>
        systemOf(request) === "Hand over."
          ? { tool: "transfer_to_desk", arguments: {} }
          : request.messages.filter(({ role }) => role === "tool").length === 1
            ? { tool: "refund", arguments: { id: "7", euros: 40 } }
            : "Done.",
      ),
    ),
  )

  it.scopedLive("records the answers of an agent that a tool asks, and does not show them", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* ModelServer.ModelServer
      const { runner } = Desk.settingsAt(url)
      const model = OpenAIAgents.model(
        yield* Effect.promise(async () => runner!.modelProvider!.getModel("m")),
      )
      const helper = new Agent({ name: "helper", model, instructions: "Help." })
      let calls = 0
      const ask = tool({
        name: "ask",
        description: "Asks.",
        parameters: z.object({}),
        errorFunction: null,
        execute: async () => {
          calls += 1
          const { finalOutput } = await new Runner().run(helper, "One")
          if (calls === 1) throw Executor.retryableError("later", "Not now")
          return finalOutput
        },
      })
      const agent = new Agent({ name: "asking", model: "stand-in", tools: [ask] })
      const { events, run } = yield* AdapterSuite.outcomeOf(
        OpenAIAgents.agent(agent, { ...Desk.settingsAt(url), sideEffects: { ask: "idempotent" } }),
      )
      expect([run.status, run.error]).toEqual(["completed", null])
      expect(AdapterDesk.textsOf(events)).toEqual(["All is well."])
      expect([calls, (yield* requests).length]).toEqual([2, 3])
    }).pipe(
      AdapterSuite.withServers((request) => {
        if (systemOf(request) === "Help.") return "yes"
        return hasResult(request) ? "All is well." : { tool: "ask", arguments: {} }
      }),
    ),
  )

  it.scopedLive(
    "ends the attempt where the model of an agent that is a tool is busy, and records no text of that",
    () =>
      Effect.gen(function* () {
        const { requests, url } = yield* ModelServer.ModelServer
        const failing = yield* AdapterDesk.failingModel([
          { status: 429, headers: { "retry-after-ms": "5" } },
          "whole",
        ])
        const { runner } = Desk.settingsAt(failing.url)
        const model = OpenAIAgents.model(
          yield* Effect.promise(async () => runner!.modelProvider!.getModel("m")),
        )
        const helper = new Agent({ name: "helper", model })
        const ask = helper.asTool({ toolName: "ask", toolDescription: "Asks.", onStream: () => {} })
        const agent = new Agent({ name: "asking", model: "stand-in", tools: [ask] })
        const { events, run } = yield* AdapterSuite.outcomeOf(
          OpenAIAgents.agent(agent, { ...Desk.settingsAt(url), sideEffects: { ask: "idempotent" } }),
        )
        expect([run.status, failing.requests(), (yield* requests).length]).toEqual(["completed", 2, 2])
        const results = events.filter(({ type }) => type === "TOOL_CALL_RESULT").map(({ content }) => content)
        expect(results).toEqual(["Whole."])
      }).pipe(
        AdapterSuite.withServers((request) =>
          hasResult(request) ? "All is well." : { tool: "ask", arguments: { input: "One" } },
        ),
      ),
  )

  it.scopedLive("refuses an agent of another copy of the SDK", () =>
    Effect.gen(function* () {
      const agent = { name: "foreign", tools: [], handoffs: [] } as never
      const { run } = yield* AdapterSuite.outcomeOf(OpenAIAgents.agent(agent, Desk.settingsAt("http://none")))
      expect([run.status, run.error?.code]).toEqual(["failed", "agent_of_another_copy"])
    }).pipe(Effect.provide(AdapterDesk.server)),
  )

  it.scopedLive("refuses a tool that works without a recorded call, before the model is asked", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* ModelServer.ModelServer
      const shell = { run: async () => ({ output: [] }) }
      const agent = new Agent({ name: "shell", model: "stand-in", tools: [shellTool({ shell })] })
      const { run } = yield* AdapterSuite.outcomeOf(OpenAIAgents.agent(agent, Desk.settingsAt(url)))
      expect([run.status, run.error?.code]).toEqual(["failed", "tool_not_recorded"])
      expect(yield* requests).toEqual([])
    }).pipe(AdapterSuite.withServers(() => "Never")),
  )

  it.scopedLive("says what to do where an agent that is a tool waits for an approval", () =>
    Effect.gen(function* () {
      const { url } = yield* ModelServer.ModelServer
      const made: Array<AdapterDesk.Made> = []
      const inner = Desk.desk({ made, approval: true })
      const agent = new Agent({
        name: "outer",
        model: "stand-in",
        tools: [inner.asTool({ toolName: "ask", toolDescription: "Asks." })],
      })
      const { run } = yield* AdapterSuite.outcomeOf(
        OpenAIAgents.agent(agent, { ...Desk.settingsAt(url), sideEffects: { ask: "idempotent" } }),
      )
      expect([run.status, run.error?.code, made]).toEqual(["failed", "approval_within_call", []])
      expect(run.error?.message).toContain("Give needsApproval to asTool")
    }).pipe(
      AdapterSuite.withServers((request) =>
        systemOf(request) === ""
          ? { tool: "ask", arguments: { input: "One" } }
          : { tool: "refund", arguments: { id: "7", euros: 40 } },
      ),
    ),
  )
})
