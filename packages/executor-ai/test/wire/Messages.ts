/** Anthropic's Messages API, streamed: https://docs.anthropic.com/en/docs/build-with-claude/streaming */
import { argsOf, type RequestBody, type Frame, pieces, type Turn, usageOf } from "./Turn.js"

const event = (type: string, fields: object, delta = false): Frame => ({
  data: `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`,
  delta,
})

export const frames = function* (turn: Turn, { model }: RequestBody, n: number): Generator<Frame> {
  const used = usageOf(turn)
  const usage = {
    input_tokens: used.input - used.cached - used.cacheWrite,
    cache_creation_input_tokens: used.cacheWrite,
    cache_read_input_tokens: used.cached,
    output_tokens: 1,
    service_tier: "standard",
  }
  yield event("message_start", {
    message: {
      id: `msg_${n}`,
      type: "message",
      role: "assistant",
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage,
    },
  })
  yield event("ping", {})
  let index = 0

  if (turn.reasoning !== undefined) {
    yield event("content_block_start", {
      index,
      content_block: { type: "thinking", thinking: "", signature: "" },
    })
    for (const thinking of turn.reasoning) {
      yield event("content_block_delta", { index, delta: { type: "thinking_delta", thinking } })
    }
    yield event("content_block_delta", {
      index,
      delta: { type: "signature_delta", signature: `signature-${n}` },
    })
    yield event("content_block_stop", { index })
    index += 1
  }

  if (turn.texts !== undefined) {
    yield event("content_block_start", { index, content_block: { type: "text", text: "", citations: null } })
    for (const text of turn.texts) {
      yield event("content_block_delta", { index, delta: { type: "text_delta", text } }, true)
    }
    if (turn.ending === undefined || turn.ending === "good" || turn.calls !== undefined) {
      yield event("content_block_stop", { index })
      index += 1
    }
  }

  for (const call of turn.calls ?? []) {
    yield event("content_block_start", {
      index,
      content_block: { type: "tool_use", id: call.id, name: call.name, input: {} },
    })
    for (const partial_json of ["", ...pieces(argsOf(call))]) {
      yield event("content_block_delta", { index, delta: { type: "input_json_delta", partial_json } })
    }
    yield event("content_block_stop", { index })
    index += 1
  }

  if (turn.ending === "error" || turn.ending === "failed") {
    yield event("error", { error: { type: "overloaded_error", message: "The model is in trouble" } })
  } else if (turn.ending === undefined || turn.ending === "good") {
    const reasons = { stop: "end_turn", length: "max_tokens", content_filter: "refusal" }
    const reason = turn.reason ?? (turn.calls === undefined ? "stop" : undefined)
    const stop_reason = reason === undefined ? "tool_use" : reasons[reason]
    yield event("message_delta", {
      delta: { stop_reason, stop_sequence: null },
      usage: { output_tokens: used.output },
    })
    yield event("message_stop", {})
  }
}

export const errorBody = (type: string, message: string) => ({ type: "error", error: { type, message } })
