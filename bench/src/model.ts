/**
 * Stands in for a model: chat completions over HTTP, 50 deltas a second of each answer. Each contender has a path of its own,
 * and what it asks for there is counted.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Message } from "./agent/Conversation.js"
import * as Delta from "./agent/Delta.js"
import type { Chunk } from "./agent/Model.js"
import * as Child from "./Child.js"
import { quantile } from "./Statistics.js"
import * as Turns from "./Turns.js"

/** Milliseconds from one delta of an answer to its next. */
const pace = 20

export interface Plan {
  /** The path of the contender. */
  readonly contender: string
  /** Answers of each conversation. All but the last call a tool. */
  readonly answers: number
  readonly deltas: number
}

/** Since the plan. */
export interface Asked {
  /** Answers that were asked for. Each is paid. */
  readonly answers: number
  /** Second answers of a conversation that have begun. */
  readonly second: number
}

export type Calls = {
  readonly plan: { readonly input: Plan; readonly output: null }
  readonly asked: { readonly input: string; readonly output: Asked }
  /** The 99th percentile of how late its timer was since the last call, in milliseconds. */
  readonly lateness: { readonly input: null; readonly output: number }
}

interface Planned extends Plan {
  readonly asked: { answers: number; second: number }
}

const plans = new Map<string, Planned>()
const turns = Turns.start(pace)
let requests = 0

const eventOf = (delta: Chunk["choices"][0]["delta"], finish_reason: string | null): string =>
  `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", model: "stand-in", choices: [{ index: 0, delta, finish_reason }] })}\n\n`

/** The last chunks of an answer. */
const endOf = (calls: boolean): string => {
  const call = { name: "weather", arguments: JSON.stringify({ city: "Lisbon" }) }
  return [
    ...(calls ? [eventOf({ tool_calls: [{ id: `call-${requests}`, function: call }] }, null)] : []),
    eventOf({}, calls ? "tool_calls" : "stop"),
    "data: [DONE]\n\n",
  ].join("")
}

const readBody = async (request: IncomingMessage): Promise<{ readonly messages: ReadonlyArray<Message> }> => {
  let text = ""
  for await (const chunk of request.setEncoding("utf8")) text += chunk
  return JSON.parse(text)
}

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const plan = plans.get(request.url?.split("/")[1] ?? "")
  if (plan === undefined) {
    response.writeHead(404).end()
    return
  }
  const { answers, asked, deltas } = plan
  const { messages } = await readBody(request)
  // A tool was called after each earlier answer.
  const before = messages.filter(({ role }) => role === "tool").length
  const number = requests++
  asked.answers += 1
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
  let index = 0
  turns.add(() => {
    if (response.destroyed) return false
    if (index === deltas) {
      response.end(endOf(before + 1 < answers))
      return false
    }
    response.write(
      eventOf({ content: Delta.textOf({ request: number, index, producedAt: Delta.now() }) }, null),
    )
    index += 1
    if (before === 1 && index === 1) asked.second += 1
    return true
  })
}

const listen = Effect.async<string>((resume) => {
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    // A worker that dies in the middle of its request is a part of what is measured.
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, "127.0.0.1", () =>
    resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  )
})

listen.pipe(
  Effect.flatMap((url) =>
    Child.serve<Calls>(url, {
      plan: (plan) =>
        Effect.sync(() => {
          plans.set(plan.contender, { ...plan, asked: { answers: 0, second: 0 } })
          return null
        }),
      asked: (contender) => Effect.sync(() => plans.get(contender)?.asked ?? { answers: 0, second: 0 }),
      lateness: () => Effect.sync(() => quantile(turns.lateness(), 0.99)),
    }),
  ),
  Effect.scoped,
  NodeRuntime.runMain,
)
