/**
 * The AG-UI clients as front ends have them, their verification on, against a server of the contract.
 */
import * as current from "@ag-ui/client"
import * as older from "@ag-ui/client-0.0.59"
import { it } from "@effect/vitest"
import { type Access, ControlPlane, Ids, RequestSnapshot, Executor, type Run } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import {
  Context,
  Data,
  Effect,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Queue,
  Schedule,
  type Scope,
} from "effect"
import type { ServerOptions } from "../../src/Server.js"
import { serve, Served } from "../serving.js"

export type Store = Layer.Layer<ControlPlane.ControlPlane | Access.Access, unknown>

/** An event as a client hands it on. */
export interface BaseEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** A message as a client keeps it. */
export interface Message {
  readonly id: string
  readonly role: string
  readonly content?: unknown
}

/** What the clients of all versions have in common. */
interface HttpAgent {
  readonly messages: ReadonlyArray<Message>
  readonly state: unknown
  readonly threadId: string
  readonly pendingInterrupts: ReadonlyArray<unknown>
  addMessage(
    message:
      | { id: string; role: "user"; content: string }
      | { id: string; role: "tool"; toolCallId: string; content: string },
  ): void
  abortRun(): void
}

interface Listener {
  readonly onEvent: (event: BaseEvent) => void
  readonly onFailure: (error: Error) => void
}

interface Client {
  readonly agent: HttpAgent
  readonly run: (parameters: current.RunAgentParameters, listener: Listener) => Promise<unknown>
}

/** A client by its version. */
export interface Version {
  readonly name: string
  /** Whether it declares its version. */
  readonly declares: boolean
  readonly make: (config: current.HttpAgentConfig & older.HttpAgentConfig) => Client
}

/** Without it the client writes the error to the console. */
const handled: current.AgentStateMutation & older.AgentStateMutation = { stopPropagation: true }

/** The listener as clients of every version take it. */
const subscriber = ({ onEvent, onFailure }: Listener) => ({
  onEvent: ({ event }: { readonly event: BaseEvent }) => onEvent(event),
  onRunFailed: ({ error }: { readonly error: Error }) => {
    onFailure(error)
    return handled
  },
})

/** 1.0, and the version that declares none, which CopilotKit and assistant-ui pin. */
export const versions: ReadonlyArray<Version> = [
  {
    name: "client 1.0",
    declares: true,
    make: (config) => {
      const agent = new current.HttpAgent(config)
      return { agent, run: (parameters, listener) => agent.runAgent(parameters, subscriber(listener)) }
    },
  },
  {
    name: "client 0.0.59",
    declares: false,
    make: (config) => {
      const agent = new older.HttpAgent(config)
      return { agent, run: (parameters, listener) => agent.runAgent(parameters, subscriber(listener)) }
    },
  },
]

/** The client that tests connect with. */
export class Connecting extends Context.Reference<Connecting>()("test/Connecting", {
  defaultValue: () => versions[0]!,
}) {}

/** What the server warns of, oldest first. */
class Warnings extends Context.Tag("test/Warnings")<Warnings, Array<string>>() {
  static readonly layer = Layer.unwrapEffect(
    Effect.sync(() => {
      const told: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === LogLevel.Warning) told.push([message].flat().map(String).join(" "))
      })
      return Layer.merge(Layer.succeed(Warnings, told), Logger.add(logger))
    }),
  )
}

/** The warnings since the last look. */
export const warnings = Effect.map(Warnings, (told): ReadonlyArray<string> => told.splice(0))

/** A server over a store, and the ports of its project, which are the worker's. */
export const served = (store: Store, version?: Version, options?: ServerOptions) =>
  Layer.provideMerge(ControlPlane.layerProject(), serve(store, options)).pipe(
    Layer.provideMerge(Warnings.layer),
    version === undefined ? (layer) => layer : Layer.merge(Layer.succeed(Connecting, version)),
  )

/** Declares tests that each get a server of their own. */
export const testerWith =
  (options: ServerOptions) =>
  (store: Store, version?: Version) =>
  <A, E>(
    title: string,
    body: Effect.Effect<A, E, Scope.Scope | Layer.Layer.Success<ReturnType<typeof served>>>,
  ): void =>
    it.live(title, () => body.pipe(Effect.scoped, Effect.provide(served(store, version, options))))

/** The same over servers without faces. */
export const tester = testerWith({})

/** What the client told its caller instead of a result. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number | undefined
  readonly payload: { readonly error?: string; readonly detail?: string; readonly field?: string } | undefined
  readonly message: string
}> {}

export interface Options {
  readonly agentId?: string
  readonly threadId?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A conversation with an agent. */
export const connect = ({ agentId = "agent", headers, query = "", threadId }: Options = {}) =>
  Effect.map(Effect.all([Served, Connecting]), ([{ key, url }, { make }]) => {
    const client = make({
      url: `${url}/ag-ui/${agentId}${query}`,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(threadId === undefined ? {} : { threadId }),
    })
    const { agent } = client
    return {
      agent,
      run: (parameters: current.RunAgentParameters = {}) => run(client, parameters),
      /** One run, from a user's message to its end. */
      say: (content: string, parameters: current.RunAgentParameters = {}) =>
        Effect.suspend(() => {
          agent.addMessage({ id: crypto.randomUUID(), role: "user", content })
          return Effect.flatMap(run(client, parameters), ({ done }) => done)
        }),
      answer: () => agent.messages.findLast(({ role }) => role === "assistant")?.content,
    }
  })

const refused = (error: Error & { readonly status?: number; readonly payload?: Refused["payload"] }) =>
  new Refused({ status: error.status, payload: error.payload, message: error.message })

/** One run: its events in `events` as they come, and how it was `done`. */
export const run = Effect.fnUntraced(function* (client: Client, parameters: current.RunAgentParameters = {}) {
  const events = yield* Queue.unbounded<BaseEvent>()
  const all: Array<BaseEvent> = []
  let failed: Error | undefined
  const done = yield* Effect.tryPromise({
    try: () =>
      client.run(parameters, {
        onEvent: (event) => {
          all.push(event)
          Queue.unsafeOffer(events, event)
        },
        onFailure: (error) => {
          failed = error
        },
      }),
    catch: (error) => refused(error as Error),
  }).pipe(
    Effect.flatMap(() => (failed === undefined ? Effect.succeed({ events: all }) : refused(failed))),
    Effect.forkScoped,
  )
  return { events, done: Fiber.join(done) }
})

/** Looks until a run is so. */
export const untilStatus = (runId: string, status: Run.RunStatus) =>
  Effect.repeat(Effect.option(statusOf(runId)), {
    until: (found) => Option.contains(found, status),
    schedule: Schedule.spaced("5 millis"),
  })

/** Takes events until one of that type comes. */
export const until = (events: Queue.Dequeue<BaseEvent>, type: string) =>
  Effect.repeat(Queue.take(events), { until: (event) => event.type === type })

export const typesOf = (events: ReadonlyArray<BaseEvent>): ReadonlyArray<string> =>
  events.map(({ type }) => type)

/** The types of a run that says one thing. */
export const whole: ReadonlyArray<string> = [
  "RUN_STARTED",
  "TEXT_MESSAGE_START",
  "TEXT_MESSAGE_CONTENT",
  "TEXT_MESSAGE_END",
  "RUN_FINISHED",
]

/** The ids that an event names. */
export const idsOf = (event: BaseEvent | undefined) => [event?.["threadId"], event?.["runId"]]

export const statusOf = (runId: string) =>
  Effect.map(TestRuns.getRun(Ids.RunId.make(runId)), ({ status }) => status)

export const echo = Executor.from((claimed) =>
  Effect.succeed(`You said: ${RequestSnapshot.lastUserText(claimed.snapshot)}`),
)
