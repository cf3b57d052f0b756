/** A stand-in for a language model, which needs no key. README.md shows a real one. */
import { MockLanguageModelV4, simulateReadableStream } from "ai/test"

type Answer = { readonly tool: string; readonly input: object } | string

/** What it answers to a message of the user that has so many results of calls behind it. */
const answerTo = (text: string, results: number): Answer => {
  const order = /order ([\w-]+)/i.exec(text)?.[1] ?? "A-17"
  if (!/refund/i.test(text)) return 'Try "Refund order A-17".'
  if (results === 0) return { tool: "find_order", input: { order } }
  return results === 1
    ? { tool: "refund", input: { order, euros: 40 } }
    : "Is there anything else I can do for you?"
}

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 9, text: 9, reasoning: 0 },
}

let calls = 0

export const model = new MockLanguageModelV4({
  doStream: async ({ prompt }) => {
    const last = prompt.findLastIndex(({ role }) => role === "user")
    const question = prompt[last]
    const text =
      question?.role === "user"
        ? question.content.map((part) => ("text" in part ? part.text : "")).join("")
        : ""
    const answer = answerTo(text, prompt.slice(last).filter(({ role }) => role === "tool").length)
    calls += 1
    return {
      stream:
        typeof answer === "string"
          ? simulateReadableStream({
              chunkDelayInMs: 60,
              chunks: [
                { type: "text-start", id: "1" },
                ...answer.split(/(?<= )/).map((delta) => ({ type: "text-delta" as const, id: "1", delta })),
                { type: "text-end", id: "1" },
                { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage },
              ],
            })
          : simulateReadableStream({
              chunks: [
                {
                  type: "tool-call",
                  toolCallId: `call-${calls}`,
                  toolName: answer.tool,
                  input: JSON.stringify(answer.input),
                },
                { type: "finish", finishReason: { unified: "tool-calls", raw: "tool_calls" }, usage },
              ],
            }),
    }
  },
})
