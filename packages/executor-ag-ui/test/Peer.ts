/** Real AG-UI agents on the loopback interface. */
import type { BaseEvent, RunAgentInput } from "@ag-ui/core"
import { RunAgentInputSchema } from "@ag-ui/core/schemas"
import { EventEncoder } from "@ag-ui/encoder"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { AgUiExecutor } from "@runlease/executor-ag-ui"
import { ExecutorSuite } from "@runlease/testkit"
import { FetchHttpClient } from "@effect/platform"
import { Effect, type Scope } from "effect"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

/** An unchecked event, as a server writes it. */
export type Event = { readonly type: string } & Readonly<Record<string, unknown>>

const encoder = new EventEncoder()

/** The event as AG-UI's own encoder frames it. */
export const frame = (event: Event): string => encoder.encodeSSE(event as BaseEvent)

/** A request to an agent. */
export interface Call {
  readonly request: IncomingMessage
  readonly body: string
  readonly input: RunAgentInput
  readonly response: ServerResponse
  /** Begins the event stream. */
  readonly begin: () => void
  /** Sends events, and waits until the connection takes more. */
  readonly send: (...events: ReadonlyArray<Event>) => Promise<void>
  readonly write: (bytes: string | Uint8Array) => Promise<void>
  /** Breaks the connection after the data that is written so far. */
  readonly die: () => void
  readonly started: Event
  readonly finished: (more?: Readonly<Record<string, unknown>>) => Event
}

export interface Agent {
  readonly url: string
  readonly calls: ReadonlyArray<Call>
  /** How many requests are open. */
  readonly open: () => number
}

/** A URL where no server listens. */
export const nowhere: Effect.Effect<string> = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return `http://127.0.0.1:${port}/`
})

/** A server that answers each request with `answer`. */
export const serve = (answer: (call: Call) => unknown): Effect.Effect<Agent, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const calls: Array<Call> = []
      let open = 0
      const server = createServer((request, response) => {
        open += 1
        response.once("close", () => {
          open -= 1
        })
        response.on("error", () => response.destroy())
        let resume = () => {}
        for (const event of ["drain", "close"]) response.on(event, () => resume())
        void text(request)
          .then((body) => {
            const parsed = RunAgentInputSchema.safeParse(JSON.parse(body))
            const input = parsed.data as RunAgentInput
            const write = async (bytes: string | Uint8Array) => {
              if (response.destroyed) throw new Error("closed")
              if (!response.write(bytes)) await new Promise<void>((resolve) => (resume = resolve))
            }
            const call: Call = {
              request,
              body,
              input,
              response,
              begin: () =>
                response.writeHead(200, { "content-type": encoder.getContentType() }).flushHeaders(),
              write,
              send: async (...events) => {
                for (const event of events) await write(frame(event))
              },
              die: () =>
                response.write('data: {"type":"TEXT_MESS', () => setImmediate(() => response.destroy())),
              started: { type: "RUN_STARTED", threadId: input?.threadId, runId: input?.runId },
              finished: (more = {}) => ({
                type: "RUN_FINISHED",
                threadId: input?.threadId,
                runId: input?.runId,
                ...more,
              }),
            }
            calls.push(call)
            if (!parsed.success)
              return response.writeHead(422).end(JSON.stringify({ detail: parsed.error.message }))
            return answer(call)
          })
          .catch(() => response.destroy())
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as AddressInfo
      return { server, agent: { url: `http://127.0.0.1:${port}/`, calls, open: () => open } }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        server.close()
        await once(server, "close")
      }),
  ).pipe(Effect.map(({ agent }) => agent))

export const make = (options: AgUiExecutor.Options) =>
  Effect.provide(AgUiExecutor.make(options), FetchHttpClient.layer)

const says = (messageId: string, texts: ReadonlyArray<string>): ReadonlyArray<Event> =>
  texts.length === 0
    ? []
    : [
        { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
        ...texts.map((delta): Event => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta })),
      ]

const behave = async (behaviour: ExecutorSuite.Behaviour, call: Call, onProduced: () => void) => {
  const { begin, die, finished, response, send, started, write } = call
  const messageId = "message"
  begin()
  await send(started)
  switch (behaviour._tag) {
    case "Says": {
      await send(...says(messageId, behaviour.texts))
      if (behaviour.texts.length > 0) await send({ type: "TEXT_MESSAGE_END", messageId })
      await send(finished({ outcome: { type: "success" } }))
      return response.end()
    }
    case "SaysThenHangs":
      return send(...says(messageId, behaviour.texts))
    case "SaysThenCrashes": {
      await send(...says(messageId, behaviour.texts))
      return die()
    }
    case "Floods": {
      await send(...says(messageId, [""]))
      while (!response.destroyed) {
        await write(frame({ type: "TEXT_MESSAGE_CONTENT", messageId, delta: "more " }))
        onProduced()
      }
      return undefined
    }
    case "Huge": {
      await write('data: {"type":"CUSTOM","name":"huge","value":"')
      const piece = "x".repeat(65_536)
      for (let sent = 0; sent < behaviour.bytes; sent += piece.length) await write(piece)
      await write('"}\n\n')
      return response.end()
    }
    case "Malformed":
      await write("data: this is no JSON\n\n")
      return response.end()
  }
}

/** A subject for the suite of executors: an executor over an agent with this behaviour. */
export const subject = (
  behaviour: ExecutorSuite.Behaviour,
): Effect.Effect<ExecutorSuite.Subject, never, Scope.Scope | ProjectPorts> =>
  Effect.gen(function* () {
    let produced = 0
    const agent = yield* serve((call) => behave(behaviour, call, () => void produced++))
    const { execute } = yield* make({ url: agent.url, maxOutputBytes: Number.MAX_SAFE_INTEGER })
    return { execute, produced: Effect.sync(() => produced), alive: Effect.sync(agent.open) }
  })
