/** The worker's client of the stand-in for a model: chat completions as a stream. The same for every contender. */
import { Agent, type IncomingMessage, request } from "node:http"
import type { Answer, Message, ToolCall } from "./Conversation.js"

/** A chunk of an answer, of the fields that are read. */
export interface Chunk {
  readonly choices: readonly [
    {
      readonly delta: { readonly content?: string; readonly tool_calls?: readonly [ChunkCall] }
      readonly finish_reason: string | null
    },
  ]
}

interface ChunkCall {
  readonly id: string
  readonly function: { readonly name: string; readonly arguments: string }
}

export interface Asked {
  readonly deltas: AsyncGenerator<string, void, undefined>
  /** The whole answer, once its deltas have ended. */
  readonly answer: () => Answer
}

const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

const respond = (url: string, messages: ReadonlyArray<Message>): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" }
    request(`${url}/chat/completions`, { agent, headers, method: "POST" }, resolve)
      .once("error", reject)
      .end(JSON.stringify({ model: "stand-in", stream: true, messages }))
  })

const callOf = ({ function: { arguments: args, name }, id }: ChunkCall): ToolCall => ({
  id,
  name,
  arguments: args,
})

/** Asks the model at a URL for its next answer. */
export const ask = (url: string, messages: ReadonlyArray<Message>): Asked => {
  let text = ""
  let call: ToolCall | null = null
  async function* deltas() {
    let rest = ""
    let whole = false
    const response = await respond(url, messages)
    response.setEncoding("utf8")
    for await (const read of response as AsyncIterable<string>) {
      const lines = (rest + read).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) {
        if (line === "data: [DONE]") whole = true
        else if (line.startsWith("data: ")) {
          const { delta } = (JSON.parse(line.slice(6)) as Chunk).choices[0]
          if (delta.tool_calls !== undefined) call = callOf(delta.tool_calls[0])
          if (delta.content !== undefined) {
            text += delta.content
            yield delta.content
          }
        }
      }
    }
    if (!whole) throw new Error("The model's answer broke off")
  }
  return { deltas: deltas(), answer: () => ({ text, call }) }
}
