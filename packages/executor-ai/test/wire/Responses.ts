/** OpenAI's Responses API, streamed: https://platform.openai.com/docs/api-reference/responses-streaming */
import { argsOf, type RequestBody, type Frame, pieces, type Turn, usageOf } from "./Turn.js"

export const frames = function* (
  turn: Turn,
  { model, tools = [] }: RequestBody,
  n: number,
): Generator<Frame> {
  const output: Array<unknown> = []
  const base = {
    id: `resp_${n}`,
    object: "response",
    created_at: 1_750_000_000,
    background: false,
    error: null as unknown,
    incomplete_details: null as unknown,
    instructions: null,
    max_output_tokens: null,
    max_tool_calls: null,
    model,
    parallel_tool_calls: true,
    previous_response_id: null,
    prompt_cache_key: null,
    reasoning: { effort: null, summary: null },
    safety_identifier: null,
    service_tier: "default",
    store: true,
    temperature: 1,
    text: { format: { type: "text" }, verbosity: "medium" },
    tool_choice: "auto",
    tools,
    top_logprobs: 0,
    top_p: 1,
    truncation: "disabled",
    user: null,
    metadata: {},
  }
  let sequence = 0
  const event = (type: string, fields: object, delta = false): Frame => ({
    data: `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`,
    delta,
  })
  const started = { response: { ...base, status: "in_progress", output: [], usage: null } }
  yield event("response.created", started)
  yield event("response.in_progress", started)
  yield event("keepalive", {})

  if (turn.reasoning !== undefined) {
    const at = { output_index: output.length, item_id: `rs_${n}`, summary_index: 0 }
    const text = turn.reasoning.join("")
    const item = { id: at.item_id, type: "reasoning", summary: [] as Array<unknown> }
    yield event("response.output_item.added", { output_index: at.output_index, item })
    yield event("response.reasoning_summary_part.added", { ...at, part: { type: "summary_text", text: "" } })
    for (const delta of turn.reasoning) yield event("response.reasoning_summary_text.delta", { ...at, delta })
    yield event("response.reasoning_summary_text.done", { ...at, text })
    yield event("response.reasoning_summary_part.done", { ...at, part: { type: "summary_text", text } })
    const done = { ...item, summary: [{ type: "summary_text", text }], encrypted_content: `secret-${n}` }
    yield event("response.output_item.done", { output_index: at.output_index, item: done })
    output.push(done)
  }

  if (turn.texts !== undefined) {
    const at = { output_index: output.length, item_id: `msg_${n}`, content_index: 0 }
    const item = { id: at.item_id, type: "message", role: "assistant" }
    yield event("response.output_item.added", {
      output_index: at.output_index,
      item: { ...item, status: "in_progress", content: [] },
    })
    const part = { type: "output_text", annotations: [], logprobs: [] }
    yield event("response.content_part.added", { ...at, part: { ...part, text: "" } })
    let text = ""
    for (const delta of turn.texts) {
      text += delta
      yield event("response.output_text.delta", { ...at, delta, logprobs: [] }, true)
    }
    if (turn.ending === undefined || turn.ending === "good" || turn.calls !== undefined) {
      yield event("response.output_text.done", { ...at, text, logprobs: [] })
      yield event("response.content_part.done", { ...at, part: { ...part, text } })
      const done = { ...item, status: "completed", content: [{ ...part, text }] }
      yield event("response.output_item.done", { output_index: at.output_index, item: done })
      output.push(done)
    }
  }

  for (const call of turn.calls ?? []) {
    const args = argsOf(call)
    const at = { output_index: output.length, item_id: `fc_${call.id}` }
    const item = { id: at.item_id, type: "function_call", call_id: call.id, name: call.name }
    yield event("response.output_item.added", {
      output_index: at.output_index,
      item: { ...item, status: "in_progress", arguments: "" },
    })
    for (const delta of pieces(args)) yield event("response.function_call_arguments.delta", { ...at, delta })
    yield event("response.function_call_arguments.done", { ...at, name: call.name, arguments: args })
    const done = { ...item, status: "completed", arguments: args }
    yield event("response.output_item.done", { output_index: at.output_index, item: done })
    output.push(done)
  }

  const used = usageOf(turn)
  const usage = {
    input_tokens: used.input,
    input_tokens_details: { cached_tokens: used.cached },
    output_tokens: used.output,
    output_tokens_details: { reasoning_tokens: used.reasoning },
    total_tokens: used.input + used.output,
  }
  if (turn.ending === "error") {
    yield event("error", { code: "server_error", message: "The model is in trouble", param: null })
  } else if (turn.ending === "failed") {
    const error = { code: "server_error", message: "The model is in trouble" }
    yield event("response.failed", { response: { ...base, status: "failed", error, output, usage } })
  } else if (turn.ending === undefined || turn.ending === "good") {
    const incomplete = turn.reason === "length" || turn.reason === "content_filter"
    const reason = turn.reason === "length" ? "max_output_tokens" : "content_filter"
    yield event(incomplete ? "response.incomplete" : "response.completed", {
      response: {
        ...base,
        status: incomplete ? "incomplete" : "completed",
        incomplete_details: incomplete ? { reason } : null,
        output,
        usage,
      },
    })
  }
}

export const errorBody = (type: string, message: string) => ({
  error: { message, type, param: null, code: type },
})
