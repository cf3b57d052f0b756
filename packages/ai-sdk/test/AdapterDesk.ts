/** What tests of adapters have in common: an order desk, over a stand-in for its model, in workers that a test ends. */
import { type AgentSubscriber, HttpAgent } from "@ag-ui/client"
import { NodeHttpServer } from "@effect/platform-node"
import {
  type AgentEvent,
  Executor,
  type Ids,
  type PromiseSteps,
  type Run,
  RunLog,
  Runs,
  Worker,
} from "@runlease/core"
import { Server } from "@runlease/http"
import { MemoryControlPlane } from "@runlease/store"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Chunk, Deferred, Effect, HashMap, Layer, Option, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const listening = () => NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

/** The text of each answer, by how many results of calls its request has. */
export const texts = ["Looking now.", "Found it.", "Refunded."]

/** Finds an order, refunds it, and says so. */
export const script = ({ messages }: ModelServer.Request): ModelServer.Answer => {
  const results = messages.filter(({ role }) => role === "tool").length
  const text = texts[results] ?? "?"
  if (results === 0) return { text, tool: "find_order", arguments: { id: "7" } }
  return results === 1 ? { text, tool: "refund", arguments: { id: "7", euros: 40 } } : text
}

/** As `script`, for the last message of the user alone. */
export const ofTurn = ({ messages, tools }: ModelServer.Request): ModelServer.Answer =>
  script({ messages: messages.slice(messages.findLastIndex(({ role }) => role === "user")), tools })

/** A control plane over HTTP. */
export const server = Server.layer.pipe(
  Layer.provideMerge(listening()),
  Layer.provideMerge(MemoryControlPlane.layer),
)

export const modelServer = (answer: (request: ModelServer.Request, before: number) => ModelServer.Answer) =>
  ModelServer.layer(answer).pipe(Layer.provide(listening()))

/** What the tools have done, with their idempotency keys. */
export interface Made {
  readonly name: string
  readonly key: string | undefined
}

/** An agent of an adapter. */
export type Execute = (
  run: Run.ClaimedRun,
) => Effect.Effect<string | void, unknown, PromiseSteps.Needs | RunLog.RunLog | Runs.Runs>

/** A worker of the agent until the Scope closes. `change` may end its attempt early. */
export const startWorker = (
  agent: Execute,
  change: (execute: Executor.Execute) => Executor.Execute = (execute) => execute,
) =>
  Worker.make({ drainTimeout: 0, interruptGrace: "20 millis", retryDelay: () => 0 }).pipe(
    Effect.provide(Executor.layerWith(change(Executor.from(agent) as Executor.Execute))),
  )

const nameOf = (event: AgentEvent.LogEvent): string =>
  event.type === "CUSTOM" ? String(event["name"]) : event.type

/** What an executor emits together enters the log together, or not at all. */
const stoppingWhere =
  (ends: (events: ReadonlyArray<AgentEvent.LogEvent>) => boolean, stopped: Deferred.Deferred<string>) =>
  (execute: Executor.Execute): Executor.Execute =>
  (run) =>
    Stream.mapChunksEffect(Executor.toStream(execute)(run), (chunk) => {
      const events = Chunk.toReadonlyArray(chunk)
      return ends(events)
        ? Effect.zipRight(Deferred.succeed(stopped, events.map(nameOf).join(" ")), Effect.never)
        : Effect.succeed(chunk)
    })

/** An attempt that ends behind so many emissions. `stopped` has what the next one was. */
export const stopping = (after: number, stopped: Deferred.Deferred<string>) => {
  let count = 0
  return stoppingWhere(() => (count += 1) > after, stopped)
}

/** An attempt that ends before a text with this delta. */
export const stoppingAt = (delta: string, stopped: Deferred.Deferred<string>) =>
  stoppingWhere((events) => events.some((event) => event["delta"] === delta), stopped)

/** Waits until a run has ended, and approves what it asks. */
export const untilEnded = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const events: Array<AgentEvent.LogEvent> = []
    yield* Stream.runForEach(log.follow({ runId }), ({ event }) =>
      Effect.gen(function* () {
        events.push(event)
        if (event.type !== "RUN_FINISHED") return
        const { waiting } = yield* runs.get(runId)
        for (const { id } of waiting?.interrupts ?? []) {
          yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved: true } }])
        }
      }),
    )
    return { events, run: yield* runs.get(runId) }
  })

/** The texts of the messages in a log. */
export const textsOf = (events: ReadonlyArray<AgentEvent.LogEvent>): ReadonlyArray<string> => {
  const texts = new Map<unknown, string>()
  for (const { delta, messageId, type } of events) {
    if (type === "TEXT_MESSAGE_CONTENT") texts.set(messageId, (texts.get(messageId) ?? "") + String(delta))
  }
  return Array.from(texts.values())
}

type Failing =
  | "cut"
  | "whole"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }

const frame = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "1", created: 0, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`

/** A server of a model that answers each request as `answers` says. */
export const failingModel = (answers: ReadonlyArray<Failing>) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly requests: () => number; readonly close: () => void }>(
      (resume) => {
        let requests = 0
        const server = createServer((_, response) => {
          const answer = answers[requests]!
          requests += 1
          if (typeof answer === "object") {
            return response.writeHead(answer.status, answer.headers).end('{"error":{"message":"No"}}')
          }
          response.writeHead(200, { "content-type": "text/event-stream" })
          if (answer === "whole") {
            return response.end(`${frame({ content: "Whole." })}${frame({}, "stop")}data: [DONE]\n\n`)
          }
          response.write(frame({ content: "Half" }), () => response.destroy())
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          resume(
            Effect.succeed({
              url: `http://127.0.0.1:${port}`,
              requests: () => requests,
              close: () => void server.close(),
            }),
          )
        })
      },
    ),
    ({ close }) => Effect.sync(close),
  )

/** As docs/ag-ui.md has it: a page drops what an attempt that died has not recorded. */
const dropSuperseded: AgentSubscriber = {
  onCustomEvent: ({ event: { name, value }, messages }) => {
    if (name !== "runlease.attempt" && name !== "runlease.waiting") return
    const superseded = new Set<string>(value.superseded?.messages)
    return { messages: messages.filter(({ id }) => !superseded.has(id)) }
  },
}

interface BaseEvent {
  readonly type: string
  readonly [field: string]: unknown
}

interface Interrupt {
  readonly id: string
  readonly toolCallId?: string
}

/** A page with the reference client of AG-UI. */
export const page = Effect.gen(function* () {
  const { RUNLEASE_API_KEY, RUNLEASE_URL } = yield* WorkerProcess.connection
  const agent = new HttpAgent({
    url: `${RUNLEASE_URL}/ag-ui/desk`,
    headers: { authorization: `Bearer ${RUNLEASE_API_KEY}` },
    threadId: randomUUID(),
  })
  agent.subscribe(dropSuperseded)
  const all: Array<BaseEvent> = []
  agent.subscribe({ onEvent: ({ event }) => void all.push(event) })
  return {
    /** The events of that type so far. */
    events: (type: string) => all.filter((event) => event.type === type),
    send: (content: string) =>
      Effect.sync(() => agent.addMessage({ id: randomUUID(), role: "user", content })),
    /** Runs the agent until its run ends or waits, and returns the interrupts. */
    run: (
      resume: ReadonlyArray<{
        readonly interruptId: string
        readonly approved: boolean
        readonly reason?: string
      }> = [],
    ) =>
      Effect.promise(async (): Promise<ReadonlyArray<Interrupt>> => {
        let interrupts: ReadonlyArray<Interrupt> = []
        const answers = resume.map(({ interruptId, ...payload }) => ({
          interruptId,
          status: "resolved" as const,
          payload,
        }))
        await agent.runAgent(answers.length === 0 ? {} : { resume: answers }, {
          onRunFinishedEvent: ({ event }) => {
            const outcome = event.outcome as { readonly interrupts?: ReadonlyArray<Interrupt> } | undefined
            interrupts = outcome?.interrupts ?? []
          },
        })
        return interrupts
      }),
    texts: Effect.sync(() =>
      agent.messages.flatMap(({ content, role }) =>
        role === "assistant" && typeof content === "string" && content !== "" ? [content] : [],
      ),
    ),
    /** The results of calls that the page has, by the call. */
    results: Effect.sync(() =>
      agent.messages.flatMap((message) =>
        message.role === "tool" ? [[message.toolCallId, message.content]] : [],
      ),
    ),
  }
})

/** How often each answer was requested, by how many results of calls the request has. */
export const requestCounts = (requests: ReadonlyArray<ModelServer.Request>) =>
  Array.from(
    requests.reduce(
      (counts, { messages }) =>
        HashMap.modifyAt(counts, messages.filter(({ role }) => role === "tool").length, (count) =>
          Option.some(Option.getOrElse(count, () => 0) + 1),
        ),
      HashMap.empty<number, number>(),
    ),
  )
    .toSorted(([a], [b]) => a - b)
    .map(([, count]) => count)

/** A shop that counts its refunds. */
export const shop = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly refunds: () => number; readonly close: () => void }>(
    (resume) => {
      let refunds = 0
      const server = createServer((_, response) => {
        refunds += 1
        response.end()
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => void server.close()
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, refunds: () => refunds, close }))
      })
    },
  ),
  ({ close }) => Effect.sync(close),
)
