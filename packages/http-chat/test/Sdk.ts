/**
 * The AI SDK as pages have it, over a server that a test writes: what its transport and its messages make of chunks.
 */
import { Chat } from "@ai-sdk/react"
import { DefaultChatTransport, readUIMessageStream, type UIMessage } from "ai"
import type { Chunk } from "../src/internal/Chunk.js"
import * as Chunks from "../src/internal/Chunk.js"

const encoder = new TextEncoder()

export const frameOf = (chunk: Chunk): string => `data: ${Chunks.encode(chunk)}\n\n`

/** A response with these chunks. `breaks`: the connection is lost behind them. */
const response = (chunks: ReadonlyArray<Chunk>, breaks = false): Response =>
  new Response(
    new ReadableStream({
      pull: (controller) => {
        for (const chunk of chunks) controller.enqueue(encoder.encode(frameOf(chunk)))
        if (breaks) controller.error(new TypeError("network error"))
        else controller.close()
      },
    }),
    { headers: { "content-type": "text/event-stream" } },
  )

/** What the transport takes of a stream, each chunk by its schema, and the message that it makes of it. */
export const read = async (
  chunks: ReadonlyArray<Chunk>,
  before?: UIMessage,
): Promise<{ readonly message: UIMessage | undefined; readonly errors: ReadonlyArray<string> }> => {
  const transport = new DefaultChatTransport({ api: "http://chat", fetch: async () => response(chunks) })
  const stream = await transport.reconnectToStream({ chatId: "chat" })
  const errors: Array<string> = []
  let message: UIMessage | undefined
  for await (const state of readUIMessageStream({
    ...(before === undefined ? {} : { message: before }),
    stream: stream!,
    onError: (error) => errors.push(error instanceof Error ? error.message : String(error)),
  })) {
    message = state
  }
  return { message, errors }
}

const question: UIMessage = { id: "question", role: "user", parts: [{ type: "text", text: "?" }] }

/** The messages of a page whose stream breaks off after `cut` chunks, and which then resumes with these chunks. */
export const resumed = async (
  chunks: ReadonlyArray<Chunk>,
  cut: number,
  replay = chunks,
): Promise<ReadonlyArray<UIMessage>> => {
  const chat = new Chat({
    id: "chat",
    messages: [],
    transport: new DefaultChatTransport({
      api: "http://chat",
      fetch: async (_url, init) =>
        init?.method === "POST" ? response(chunks.slice(0, cut), true) : response(replay),
    }),
  })
  await chat.sendMessage(question)
  await chat.resumeStream()
  return chat.messages
}

/** The messages of a page whose stream is whole. */
export const whole = async (chunks: ReadonlyArray<Chunk>): Promise<ReadonlyArray<UIMessage>> => {
  const chat = new Chat({
    id: "chat",
    messages: [],
    transport: new DefaultChatTransport({ api: "http://chat", fetch: async () => response(chunks) }),
  })
  await chat.sendMessage(question)
  return chat.messages
}
