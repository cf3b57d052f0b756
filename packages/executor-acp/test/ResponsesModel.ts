/** A scripted model behind the streamed wire format of OpenAI's responses. */
import type { ServerResponse } from "node:http"
import type { Answer } from "./ModelServer.js"
import * as ModelServer from "./ModelServer.js"

const send = (
  response: ServerResponse,
  event: Readonly<Record<string, unknown>> & { readonly type: string },
) => response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)

const itemOf = (answer: Answer, n: number) =>
  "tool" in answer
    ? {
        type: "function_call",
        id: `fc_${n}`,
        call_id: `call_${n}`,
        name: answer.tool,
        arguments: JSON.stringify(answer.input),
      }
    : {
        type: "message",
        id: `msg_${n}`,
        role: "assistant",
        content: [{ type: "output_text", text: "text" in answer ? answer.text : answer.begins }],
      }

const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 15,
}

const respond = (response: ServerResponse, answer: Answer, n: number) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  const id = `resp_${n}`
  send(response, { type: "response.created", response: { id } })
  const item = itemOf(answer, n)
  send(response, { type: "response.output_item.done", output_index: 0, item })
  send(response, { type: "response.completed", response: { id, output: [item], usage } })
  response.end()
}

/** `answer` answers the body of a request. */
export const make = (answer: (body: string) => Answer) => {
  let count = 0
  return ModelServer.serve((response, path, body) => {
    if (!path.endsWith("/responses")) {
      response.writeHead(404, { "content-type": "application/json" }).end("{}")
      return
    }
    count += 1
    respond(response, answer(body), count)
  })
}
