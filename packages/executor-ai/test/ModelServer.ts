/**
 * A server on loopback that stands in for a model: it speaks the real wire formats of OpenAI's Responses API
 * (`/v1/responses`), of chat completions (`/v1/chat/completions`) and of Anthropic's Messages API (`/v1/messages`),
 * streamed, and says what a script tells it to.
 *
 * It needs nothing but Node and `effect`, so examples use it as well.
 */
import { Effect, type Scope } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as ChatCompletions from "./wire/ChatCompletions.js"
import * as Messages from "./wire/Messages.js"
import * as Responses from "./wire/Responses.js"
import type { Frame, Turn } from "./wire/Turn.js"

export type { ToolCall, Turn } from "./wire/Turn.js"

/** A refusal, or whatever else is no answer of a model. */
export interface Plain {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** The type and the message of an error in the protocol's form, or a body as it is. */
  readonly error?: { readonly type: string; readonly message: string }
  readonly body?: string
}

export interface Request {
  /** How many requests came before it. */
  readonly index: number
  readonly protocol: Protocol
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

export type Protocol = "responses" | "messages" | "completions"

export interface ModelServer {
  /** With the version, as `AiModel.fromName` takes it. */
  readonly url: string
  /** The requests so far. */
  readonly requests: ReadonlyArray<Request>
  /** How many requests have not ended. */
  readonly open: Effect.Effect<number>
  /** How many deltas of text it has written. */
  readonly produced: Effect.Effect<number>
}

const wires = { responses: Responses, messages: Messages, completions: ChatCompletions }

const protocols: Readonly<Record<string, Protocol>> = {
  "/v1/responses": "responses",
  "/v1/messages": "messages",
  "/v1/chat/completions": "completions",
}

const readBody = async (request: Http.IncomingMessage) => {
  let text = ""
  for await (const chunk of request.setEncoding("utf8")) text += chunk
  return JSON.parse(text) as Record<string, unknown>
}

/** Waits until the connection accepts more data, or closes. */
const drained = (outgoing: Http.ServerResponse) =>
  new Promise<void>((resolve) => {
    const done = () => {
      outgoing.off("drain", done).off("close", done)
      resolve()
    }
    outgoing.on("drain", done).on("close", done)
  })

/** A server that answers each request as the script says, while the Scope is open. */
export const make = (
  script: (request: Request) => Turn | Plain,
): Effect.Effect<ModelServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Request> = []
    let open = 0
    let produced = 0

    const answer = async (incoming: Http.IncomingMessage, outgoing: Http.ServerResponse) => {
      const protocol = protocols[incoming.url ?? ""]
      if (incoming.method !== "POST" || protocol === undefined) return outgoing.writeHead(404).end()
      const wire = wires[protocol]
      const body = await readBody(incoming)
      const request = { index: requests.length, protocol, headers: incoming.headers, body }
      requests.push(request)
      const says = script(request)
      if ("status" in says) {
        const content =
          says.error === undefined
            ? says.body
            : JSON.stringify(wire.errorBody(says.error.type, says.error.message))
        const type = says.error === undefined ? "text/html" : "application/json"
        return outgoing.writeHead(says.status, { "content-type": type, ...says.headers }).end(content)
      }
      outgoing.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" }).flushHeaders()
      const write = async (frame: Frame) => {
        if (frame.delta) produced += 1
        if (!outgoing.write(frame.data)) await drained(outgoing)
      }
      // The last frame says that the answer is whole, so it comes after the wait.
      let last: Frame | undefined
      for (const frame of wire.frames(says, body, (says.number ?? request.index) + 1)) {
        if (outgoing.destroyed) return
        if (last !== undefined) await write(last)
        last = frame
      }
      const isWhole = says.ending === undefined || says.ending === "good"
      if (!isWhole && last !== undefined) await write(last)
      await says.until
      if (isWhole && last !== undefined) await write(last)
      if (says.ending === "cut") outgoing.destroy()
      else if (says.ending !== "hang") outgoing.end()
    }

    const server = yield* Effect.acquireRelease(
      Effect.async<Http.Server>((resume) => {
        const listening = Http.createServer((incoming, outgoing) => {
          open += 1
          outgoing.once("close", () => {
            open -= 1
          })
          // A client that goes away in the middle of its request is no trouble of the server's.
          answer(incoming, outgoing).catch(() => outgoing.destroy())
        }).listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
      }),
      (listening) =>
        Effect.async<void>((resume) => {
          listening.close(() => resume(Effect.void))
          listening.closeAllConnections()
        }),
    )
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}/v1`,
      requests,
      open: Effect.sync(() => open),
      produced: Effect.sync(() => produced),
    }
  })

/** Answers that are given one after the other, the last one again and again. */
export const inTurn =
  (...turns: ReadonlyArray<Turn | Plain>) =>
  ({ index }: Request): Turn | Plain =>
    turns[Math.min(index, turns.length - 1)]!
