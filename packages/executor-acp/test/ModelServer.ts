/** A scripted model behind the streamed wire format of chat completions. */
import { Effect } from "effect"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

interface Message {
  readonly role: string
  readonly content?: unknown
}

/** An answer of the model: text, a tool call, or text that does not end. */
export type Answer =
  | { readonly text: string }
  | { readonly tool: string; readonly input: Readonly<Record<string, unknown>> }
  | { readonly begins: string }

const send = (response: ServerResponse, data: unknown) =>
  response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)

const chunk = (delta: Readonly<Record<string, unknown>>, finish: string | null = null) => ({
  id: "completion-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "scripted",
  choices: [{ index: 0, delta, finish_reason: finish }],
})

const usage = {
  ...chunk({}),
  choices: [],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
}

const respond = (response: ServerResponse, answer: Answer, callId: string) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  if ("begins" in answer) {
    send(response, chunk({ role: "assistant", content: answer.begins }))
    return
  }
  if ("text" in answer) {
    for (const word of answer.text.split(/(?<= )/))
      send(response, chunk({ role: "assistant", content: word }))
    send(response, chunk({}, "stop"))
  } else {
    const call = { index: 0, id: callId, type: "function", function: { name: answer.tool, arguments: "" } }
    const args = JSON.stringify(answer.input)
    send(response, chunk({ role: "assistant", tool_calls: [call] }))
    for (const part of [args.slice(0, 10), args.slice(10)]) {
      send(response, chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] }))
    }
    send(response, chunk({}, "tool_calls"))
  }
  send(response, usage)
  send(response, "[DONE]")
  response.end()
}

export interface Server {
  readonly url: string
  readonly close: Effect.Effect<void>
}

/** Serves on a free port of the loopback interface until the Scope closes. `respond` gets the path and the body. */
export const serve = (respond: (response: ServerResponse, path: string, body: string) => void) =>
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (data: Buffer) => {
          body += data.toString()
        })
        request.on("end", () => respond(response, request.url ?? "", body))
      })
      const close = Effect.async<void>((done) => {
        server.close(() => done(Effect.void))
        server.closeAllConnections()
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => close,
  )

/** A model. `answer` answers the messages of a request with tools. A request without tools is for a title. */
export const make = (answer: (messages: ReadonlyArray<Message>) => Answer) => {
  const requests: Array<ReadonlyArray<Message>> = []
  return serve((response, _path, body) => {
    const { messages, tools = [] } = JSON.parse(body)
    if (tools.length === 0) return respond(response, { text: "A title" }, "")
    requests.push(messages)
    respond(response, answer(messages), `call_${requests.length}`)
  }).pipe(Effect.map(({ close, url }) => ({ url: `${url}/v1`, requests, close })))
}
