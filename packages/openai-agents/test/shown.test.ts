/** What a model reads of a run, what a page has of its answers, and which calls are recorded. */
import { describe, expect, it } from "@effect/vitest"
import { Agent, type MCPServer, type Model, tool, Usage } from "@openai/agents-core"
import { Executor, RequestSnapshot } from "@runlease/core"
import { OpenAIAgents } from "@runlease/openai-agents"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect } from "effect"
import { z } from "zod"
import * as AdapterDesk from "../../ai-sdk/test/AdapterDesk.js"
import * as AdapterSuite from "../../ai-sdk/test/AdapterSuite.js"
import * as Desk from "./Desk.js"

const call = { toolCallId: "old", toolName: "find_order" }

const messages = [
  { id: "1", role: "system", parts: [{ type: "text", text: "Be short." }] },
  {
    id: "2",
    role: "user",
    parts: [
      { type: "text", text: "See this" },
      { type: "image", source: { type: "data", value: "AAAA", mimeType: "image/png" } },
      { type: "document", url: "" },
    ],
  },
  {
    id: "3",
    role: "assistant",
    parts: [
      { type: "text", text: "I look." },
      { ...call, type: "tool_call", args: '{"id":"7"}' },
    ],
  },
  { id: "4", role: "user", parts: [{ type: "text", text: "And?" }] },
  { id: "5", role: "tool", parts: [{ ...call, type: "tool_result", result: { euros: 40 } }] },
]

describe("what the model reads", () => {
  it.scopedLive(
    "is the conversation, with its files, its calls before their results, and what the client adds",
    () =>
      Effect.gen(function* () {
        const { requests, url } = yield* ModelServer.ModelServer
        yield* AdapterDesk.startWorker(OpenAIAgents.agent(Desk.desk(), Desk.settingsAt(url)))
        const context = [{ description: "The page", value: "orders" }]
        const { runId } = yield* TestRuns.submit({
          snapshot: { ...RequestSnapshot.fromText("Go"), messages, context },
        })
        const { run } = yield* AdapterDesk.untilEnded(runId)
        expect([run.status, run.error]).toEqual(["completed", null])
        const [request] = yield* requests
        expect(request?.messages.map(({ role }) => role).join(" ")).toBe(
          "system system system user assistant tool user",
        )
        expect(request?.messages.map(ModelServer.textOf)).toEqual([
          "You help at an order desk.",
          "Context:\nThe page: orders",
          "Be short.",
          "See this",
          "I look.",
          '{"euros":40}',
          "And?",
        ])
        expect(JSON.stringify(request?.messages[3]?.content)).toContain("data:image/png;base64,AAAA")
      }).pipe(AdapterSuite.withServers(() => "Yes.")),
  )
})

/** A model that thinks before each of its answers. */
const thinking: Model = {
  getResponse: async () => ({ output: [], usage: new Usage() }),
  async *getStreamedResponse() {
    yield { type: "model", event: { model: "m", choices: [{ delta: { reasoning: "Let me " } }] } }
    yield { type: "model", event: { model: "m", choices: [{ delta: { reasoning: "think." } }] } }
    const content = [{ type: "output_text" as const, text: "Thought." }]
    const output = [
      { type: "message" as const, role: "assistant" as const, status: "completed" as const, content },
    ]
    yield {
      type: "response_done",
      response: { id: "1", output, usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } },
    }
  },
}

describe("what a page has", () => {
  it.scopedLive("is the reasoning as it comes, and the text of a model that has no deltas", () =>
    Effect.gen(function* () {
      const agent = new Agent({ name: "thinking", model: thinking })
      const { events } = yield* AdapterSuite.outcomeOf(OpenAIAgents.agent(agent))
      const shown = events.flatMap(({ delta, type }) =>
        delta === undefined ? [] : [`${type} ${String(delta)}`],
      )
      expect(shown).toEqual([
        "REASONING_MESSAGE_CONTENT Let me ",
        "REASONING_MESSAGE_CONTENT think.",
        "TEXT_MESSAGE_CONTENT Thought.",
      ])
    }).pipe(Effect.provide(AdapterDesk.server)),
  )
})

describe("a tool of an MCP server", () => {
  it.scopedLive("is recorded as others: another attempt does not call it again", () =>
    Effect.gen(function* () {
      const { url } = yield* ModelServer.ModelServer
      let payments = 0
      let attempts = 0
      const till: MCPServer = {
        name: "till",
        cacheToolsList: false,
        connect: async () => {},
        close: async () => {},
        invalidateToolsCache: async () => {},
        listTools: async () => [
          {
            name: "pay",
            description: "Pays.",
            inputSchema: { type: "object", properties: {}, required: [], additionalProperties: false },
          },
        ],
        callTool: async () => {
          payments += 1
          return [{ type: "text", text: "paid" }]
        },
      }
      const later = tool({
        name: "later",
        description: "Fails once.",
        parameters: z.object({}),
        errorFunction: null,
        execute: async () => {
          attempts += 1
          if (attempts === 1) throw Executor.retryableError("later", "Not now")
          return "now"
        },
      })
      const agent = new Agent({ name: "payer", model: "stand-in", mcpServers: [till], tools: [later] })
      const settings = { ...Desk.settingsAt(url), sideEffects: { later: "idempotent" as const } }
      const { events, run } = yield* AdapterSuite.outcomeOf(OpenAIAgents.agent(agent, settings))
      expect([run.status, payments, attempts]).toEqual(["completed", 1, 2])
      const results = events.filter(({ type }) => type === "TOOL_CALL_RESULT").map(({ content }) => content)
      expect(results[0]).toContain("paid")
      expect(results[1]).toBe("now")
    }).pipe(
      AdapterSuite.withServers(({ messages }) => {
        const results = messages.filter(({ role }) => role === "tool").length
        return results === 2 ? "Done." : { tool: results === 0 ? "pay" : "later", arguments: {} }
      }),
    ),
  )
})
