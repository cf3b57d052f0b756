/**
 * The AG-UI client as front ends have it, its verification on, against a server of the contract.
 */
import { type AgentStateMutation, type BaseEvent, HttpAgent, type RunAgentParameters } from "@ag-ui/client"
import { it } from "@effect/vitest"
import { type Access, ControlPlane, Ids, RequestSnapshot, Executors, type Run } from "@runlease/core"
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
import { serve, Served } from "../serving.js"

export type Store = Layer.Layer<ControlPlane.ControlPlane | Access.Access, unknown>

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
export const served = (store: Store) =>
  Layer.provideMerge(ControlPlane.layerProject(), serve(store)).pipe(Layer.provideMerge(Warnings.layer))

/** Declares tests that each get a server of their own. */
export const tester =
  (store: Store) =>
  <A, E>(
    title: string,
    body: Effect.Effect<A, E, Scope.Scope | Layer.Layer.Success<ReturnType<typeof served>>>,
  ): void =>
    it.live(title, () => body.pipe(Effect.scoped, Effect.provide(served(store))))

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
  Effect.map(Served, ({ key, url }) => {
    const agent = new HttpAgent({
      url: `${url}/ag-ui/${agentId}${query}`,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(threadId === undefined ? {} : { threadId }),
    })
    return {
      agent,
      run: (parameters: RunAgentParameters = {}) => run(agent, parameters),
      /** One run, from a user's message to its end. */
      say: (content: string, parameters: RunAgentParameters = {}) =>
        Effect.suspend(() => {
          agent.addMessage({ id: crypto.randomUUID(), role: "user", content })
          return Effect.flatMap(run(agent, parameters), ({ done }) => done)
        }),
      answer: () => agent.messages.findLast(({ role }) => role === "assistant")?.content,
    }
  })

/** Without it the client writes the error to the console. */
const handled: AgentStateMutation = { stopPropagation: true }

const refused = (error: Error & { readonly status?: number; readonly payload?: Refused["payload"] }) =>
  new Refused({ status: error.status, payload: error.payload, message: error.message })

/** One run: its events in `events` as they come, and how it was `done`. */
export const run = Effect.fnUntraced(function* (agent: HttpAgent, parameters: RunAgentParameters = {}) {
  const events = yield* Queue.unbounded<BaseEvent>()
  const all: Array<BaseEvent> = []
  let failed: Error | undefined
  const done = yield* Effect.tryPromise({
    try: () =>
      agent.runAgent(parameters, {
        onEvent: ({ event }) => {
          all.push(event)
          Queue.unsafeOffer(events, event)
        },
        onRunFailed: ({ error }) => {
          failed = error
          return handled
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

export const echo = Executors.make((claimed) =>
  Effect.succeed(`You said: ${RequestSnapshot.lastUserText(claimed.snapshot)}`),
)
