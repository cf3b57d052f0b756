/** An agent of the SDK whose workers end anywhere, and programs that use the SDK. */
import { describe, expect, it } from "@effect/vitest"
import { Executor } from "@runlease/core"
import { AiSdk } from "@runlease/ai-sdk"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { generateText, isStepCount, streamText, tool, ToolLoopAgent } from "ai"
import { Effect } from "effect"
import { z } from "zod"
import * as AdapterSuite from "./AdapterSuite.js"
import * as Desk from "./Desk.js"

AdapterSuite.make({
  desk: (url, { approval = false, made = [], refund, refundIs = "atMostOnce" } = {}) =>
    AiSdk.agent({
      model: Desk.modelAt(url),
      instructions: "You help at an order desk.",
      tools: Desk.tools(made, refund),
      sideEffects: { find_order: "pure", refund: refundIs },
      ...(approval ? { toolApproval: { refund: "user-approval" as const } } : {}),
    }),
  bare: (url) => AiSdk.agent({ model: Desk.modelAt(url) }),
  failed: (message) => message,
  missing: "unavailable tool 'missing'",
})

describe("a program that uses the SDK", () => {
  it.scopedLive("shows what it streams, and not what it generates", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* ModelServer.ModelServer
      let attempts = 0
      const { events, run } = yield* AdapterSuite.outcomeOf((claimed) =>
        AiSdk.run(claimed, async ({ messages, model, signal, steps }) => {
          attempts += 1
          const stand = model(Desk.modelAt(url))
          const { response, text, usage } = await generateText({
            model: stand,
            prompt: "Think",
            abortSignal: signal,
          })
          expect(response.timestamp).toBeInstanceOf(Date)
          expect(usage.inputTokens).toBe(10)
          const result = streamText({ model: stand, messages: [...messages], abortSignal: signal })
          let streamed = ""
          for await (const delta of result.textStream) streamed += delta
          expect(streamed).toBe("Hello there.")
          const yes = await steps.approve("go", { message: "Go on?" })
          return `${text} ${yes}`
        }),
      )
      expect(run.status).toBe("completed")
      expect(attempts).toBe(2)
      expect(Desk.textsOf(events)).toEqual(["Hello there.", "thought true"])
      expect(yield* requests).toHaveLength(2)
    }).pipe(AdapterSuite.withServers((_, before) => (before === 0 ? "thought" : "Hello there."))),
  )

  it.scopedLive("records the answers of an agent that a tool asks, and does not show them", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* ModelServer.ModelServer
      const helper = new ToolLoopAgent({ model: AiSdk.model(Desk.modelAt(url)), stopWhen: isStepCount(3) })
      let calls = 0
      const agent = AiSdk.agent({
        model: Desk.modelAt(url),
        tools: {
          ask: tool({
            inputSchema: z.object({}),
            execute: async () => {
              calls += 1
              const one = await helper.generate({ prompt: "One" })
              const two = await helper.stream({ prompt: "Two" })
              const answers = `${one.text} ${await two.text}`
              if (calls === 1) throw Executor.retryableError("later", "Not now")
              return answers
            },
          }),
        },
        sideEffects: { ask: "idempotent" },
      })
      const { events, run } = yield* AdapterSuite.outcomeOf(agent)
      expect(run.status).toBe("completed")
      expect(Desk.textsOf(events)).toEqual(["All is well."])
      expect([calls, (yield* requests).length]).toEqual([2, 4])
    }).pipe(
      AdapterSuite.withServers(({ messages }, before) =>
        before === 0
          ? { tool: "ask", arguments: {} }
          : messages.some(({ role }) => role === "tool")
            ? "All is well."
            : "yes",
      ),
    ),
  )
})
