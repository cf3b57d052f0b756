/** OpenAI's chat completions, streamed: https://platform.openai.com/docs/api-reference/chat-streaming */
import { argsOf, type RequestBody, type Frame, pieces, type Turn, usageOf } from "./Turn.js"

export const frames = function* (turn: Turn, { model }: RequestBody, n: number): Generator<Frame> {
  const base = { id: `chatcmpl-${n}`, object: "chat.completion.chunk", created: 1_750_000_000, model }
  const chunk = (fields: object, isDelta = false): Frame => ({
    data: `data: ${JSON.stringify({ ...base, ...fields })}\n\n`,
    delta: isDelta,
  })
  const delta = (fields: object, isDelta = false) =>
    chunk({ choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: null }] }, isDelta)

  yield delta({ role: "assistant", content: "" })
  for (const reasoning_content of turn.reasoning ?? []) yield delta({ reasoning_content })
  for (const content of turn.texts ?? []) yield delta({ content }, true)
  for (const [index, call] of (turn.calls ?? []).entries()) {
    const first = { index, id: call.id, type: "function", function: { name: call.name, arguments: "" } }
    yield delta({ tool_calls: [first] })
    for (const args of pieces(argsOf(call)))
      yield delta({ tool_calls: [{ index, function: { arguments: args } }] })
  }
  if (turn.ending === "error" || turn.ending === "failed") {
    const error = { message: "The model is in trouble", type: "server_error", code: null }
    yield { data: `data: ${JSON.stringify({ error })}\n\n`, delta: false }
  } else if (turn.ending === undefined || turn.ending === "good") {
    const finish_reason = turn.reason ?? (turn.calls === undefined ? "stop" : "tool_calls")
    yield chunk({ choices: [{ index: 0, delta: {}, logprobs: null, finish_reason }] })
    const used = usageOf(turn)
    const usage = {
      prompt_tokens: used.input,
      completion_tokens: used.output,
      total_tokens: used.input + used.output,
      prompt_tokens_details: { cached_tokens: used.cached },
      completion_tokens_details: { reasoning_tokens: used.reasoning },
    }
    yield chunk({ choices: [], usage })
    yield { data: "data: [DONE]\n\n", delta: false }
  }
}

export const errorBody = (type: string, message: string) => ({
  error: { message, type, param: null, code: type },
})
