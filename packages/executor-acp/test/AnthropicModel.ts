/** A scripted model behind the streamed wire format of Anthropic's messages. */
import type { ServerResponse } from "node:http"
import type { Answer } from "./ModelServer.js"
import * as ModelServer from "./ModelServer.js"

const send = (
  response: ServerResponse,
  event: Readonly<Record<string, unknown>> & { readonly type: string },
) => response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)

const respond = (response: ServerResponse, answer: Answer, n: number) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  const message = {
    id: `msg_${n}`,
    type: "message",
    role: "assistant",
    model: "scripted",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 1 },
  }
  send(response, { type: "message_start", message })
  const [block, delta] =
    "tool" in answer
      ? [
          { type: "tool_use", id: `toolu_${n}`, name: answer.tool, input: {} },
          { type: "input_json_delta", partial_json: JSON.stringify(answer.input) },
        ]
      : [
          { type: "text", text: "" },
          { type: "text_delta", text: "text" in answer ? answer.text : answer.begins },
        ]
  send(response, { type: "content_block_start", index: 0, content_block: block })
  send(response, { type: "content_block_delta", index: 0, delta })
  if ("begins" in answer) return
  send(response, { type: "content_block_stop", index: 0 })
  send(response, {
    type: "message_delta",
    delta: { stop_reason: "tool" in answer ? "tool_use" : "end_turn", stop_sequence: null },
    usage: { output_tokens: 5 },
  })
  send(response, { type: "message_stop" })
  response.end()
}

/** `answer` answers the body of a request with tools. A request without tools is for a title. */
export const make = (answer: (body: string) => Answer) => {
  let count = 0
  return ModelServer.serve((response, path, body) => {
    if (!path.startsWith("/v1/messages") || path.includes("count_tokens")) {
      response.writeHead(404, { "content-type": "application/json" }).end("{}")
      return
    }
    count += 1
    const { tools = [] } = JSON.parse(body)
    respond(response, tools.length > 0 ? answer(body) : { text: "A title" }, count)
  })
}
