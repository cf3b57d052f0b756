/** A stand-in for a language model, which needs no key. README.md shows a real one. */
import { type AgentOutputItem, type Model, setTracingDisabled, Usage } from "@openai/agents-core"
import { assistantMessage, functionCall } from "@openai/agents-core/testing"
import { setTimeout } from "node:timers/promises"

// Traces go to OpenAI, which the stand-in has no key for.
setTracingDisabled(true)

type Request = Parameters<Model["getResponse"]>[0]

/** The text of the last message of the user, and how many results of calls are behind it. */
const read = ({ input }: Request) => {
  if (typeof input === "string") return { text: input, results: 0 }
  const last = input.findLastIndex((item) => "role" in item && item.role === "user")
  const results = input.slice(last).filter(({ type }) => type === "function_call_result").length
  return { text: JSON.stringify(input[last] ?? ""), results }
}

/** What it answers: a call of a tool, or text. */
const answerTo = (request: Request): readonly [tool: string, input: Record<string, unknown>] | string => {
  const { results, text } = read(request)
  const order = /order ([\w-]+)/i.exec(text)?.[1] ?? "A-17"
  if (!/refund/i.test(text)) return 'Try "Refund order A-17".'
  if (results === 0) return ["find_order", { order }]
  return results === 1 ? ["refund", { order, euros: 40 }] : "Is there anything else I can do for you?"
}

const usage = { requests: 1, inputTokens: 10, outputTokens: 9, totalTokens: 19 }

let calls = 0

const itemOf = (answer: ReturnType<typeof answerTo>): AgentOutputItem => {
  calls += 1
  return typeof answer === "string"
    ? assistantMessage(answer)
    : functionCall(answer[0], answer[1], { callId: `call-${calls}` })
}

export const model: Model = {
  getResponse: async (request) => ({ output: [itemOf(answerTo(request))], usage: new Usage(usage) }),
  async *getStreamedResponse(request) {
    const answer = answerTo(request)
    yield { type: "response_started" }
    for (const delta of typeof answer === "string" ? answer.split(/(?<= )/) : []) {
      await setTimeout(60)
      yield { type: "output_text_delta", delta }
    }
    const response = { id: `answer-${calls}`, output: [itemOf(answer) as never], usage }
    yield { type: "response_done", response }
  },
}
