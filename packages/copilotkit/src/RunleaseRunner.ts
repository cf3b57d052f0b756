/**
 * CopilotKit's `AgentRunner` over Runlease.
 *
 * ```ts
 * import { RunleaseRunner } from "@runlease/copilotkit/RunleaseRunner"
 *
 * new CopilotRuntime({ agents, runner: new RunleaseRunner({ url, apiKey }) })
 * ```
 *
 * Source: docs/decisions/0112-copilotkit.md
 */
import {
  type AbstractAgent,
  type BaseEvent,
  EventType,
  type RunAgentInput,
  runHttpRequest,
  transformHttpEventStream,
} from "@ag-ui/client"
import {
  AgentRunner,
  type AgentRunnerConnectRequest,
  type CopilotRuntimeHooks,
  type HandlerHookContext,
} from "@copilotkit/runtime/v2"
import { Observable, type Subscriber } from "rxjs"

/**
 * The URL of `runlease serve`, and an API key of a project there for requests that have no token of their own. Keep the key in the
 * backend: a page must not have it.
 *
 * Without `apiKey` a page can do what its token allows, and nothing else. With it a page that leaves its token out reaches every
 * thread of the project.
 */
export interface Options {
  readonly url: string
  readonly apiKey?: string
}

interface ThreadRequest {
  readonly threadId: string
}

/**
 * Runs, follows and stops threads at Runlease, where they are durable. It has no state itself, so that it can restart, or
 * be one of many, and a page still finds its thread.
 *
 * Its agents are `HttpAgent`s at `/ag-ui/{agent_id}?detach=true&busy=refuse`. With `detach` a run continues when its page or
 * this process ends; with `busy=refuse` a thread with a run in progress refuses a second one, as CopilotKit expects.
 *
 * A token for browsers in the header `Authorization` of a page's request takes the place of the API key. CopilotKit passes it to `connect`,
 * and to an agent that has no such header itself, but not to `stop`: pass `hooks` to the runtime's handler. `isRunning`, which the
 * runtime does not call for a page, has the key alone.
 *
 * Fails: a run that cannot be started or followed to its end ends with RUN_ERROR; `isRunning` and `stop` reject with the status and the
 * answer of the server.
 */
export class RunleaseRunner extends AgentRunner {
  constructor(readonly options: Options) {
    super()
  }

  /** Hooks of the runtime's handler. A stop has the token of its request, and the answer of the server to it. */
  readonly hooks: CopilotRuntimeHooks = {
    onBeforeHandler: async ({ request, route }: HandlerHookContext) => {
      if (route.method !== "agent/stop") return
      const scope = await scopeOf(request)
      // The handler of the runtime refuses a malformed scope.
      if (scope === undefined) return
      const authorization = request.headers.get("authorization") ?? undefined
      const answer = await this.stopRequest(route.threadId, scope, authorization)
      // A hook answers a request by throwing the response.
      throw new Response(answer.body, {
        status: answer.status,
        headers: { "Content-Type": "application/json" },
      })
    },
  }

  run({
    agent,
    input,
  }: {
    readonly agent: AbstractAgent
    readonly input: RunAgentInput
  }): Observable<BaseEvent> {
    return new Observable<BaseEvent>((subscriber) => {
      const { resume, ...rest } = input
      const page = relayTo(subscriber)
      agent
        .runAgent(resume === undefined ? rest : { ...rest, resume }, {
          onEvent: ({ event }) => page.next(event),
        })
        .then(page.complete, page.error)
      // Closes only the stream; the run continues.
      return () => agent.abortRun()
    })
  }

  connect({ headers, threadId }: AgentRunnerConnectRequest): Observable<BaseEvent> {
    return new Observable<BaseEvent>((subscriber) => {
      const closed = new AbortController()
      const authorization = new Headers(headers).get("authorization") ?? undefined
      const events = transformHttpEventStream(
        runHttpRequest(() => this.request(threadId, "/stream", { signal: closed.signal }, authorization)),
      )
      subscriber.add(events.subscribe(relayTo(subscriber)))
      return () => closed.abort()
    })
  }

  async isRunning({ threadId }: ThreadRequest): Promise<boolean> {
    const { status } = await answerOf<{ status: string }>(await this.request(threadId, ""))
    return status === "running" || status === "queued"
  }

  async stop({ runId, threadId }: ThreadRequest & { readonly runId?: string }): Promise<boolean> {
    const { stopped } = await answerOf<{ stopped: boolean }>(await this.stopRequest(threadId, { runId }))
    return stopped
  }

  private stopRequest(threadId: string, scope: unknown, authorization?: string) {
    const body = JSON.stringify(scope)
    const headers = { "Content-Type": "application/json" }
    return this.request(threadId, "/stop", { method: "POST", headers, body }, authorization)
  }

  /** Sends the key where the request of the page has no token. */
  private request(
    threadId: string,
    path: string,
    { headers, ...init }: RequestInit = {},
    authorization = this.options.apiKey === undefined ? undefined : `Bearer ${this.options.apiKey}`,
  ) {
    return fetch(`${this.options.url}/threads/${encodeURIComponent(threadId)}${path}`, {
      ...init,
      headers: { ...headers, ...(authorization === undefined ? {} : { Authorization: authorization }) },
    })
  }
}

const answerOf = async <A>(response: Response): Promise<A> => {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
  return response.json() as Promise<A>
}

/** What a stop applies to: the body of its request, which a runtime with one address gets in an envelope. Undefined for a malformed one. */
const scopeOf = async (request: Request): Promise<object | undefined> => {
  const text = await request.clone().text()
  const sent = text.trim() === "" ? {} : objectOf(text)
  if (sent === undefined || !("method" in sent)) return sent
  return "body" in sent ? (isObject(sent.body) ? sent.body : undefined) : {}
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const objectOf = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Passes events on to a page. What fails, or ends before its run does, ends with RUN_ERROR: the runtime closes the stream of a failed observable, and
 * the page would take a part for the whole.
 */
const relayTo = (subscriber: Subscriber<BaseEvent>) => {
  let isOpen = false
  const error = (error: unknown) => {
    subscriber.next(runError(error))
    subscriber.complete()
  }
  return {
    next: (event: BaseEvent) => {
      isOpen = event.type !== EventType.RUN_FINISHED && event.type !== EventType.RUN_ERROR
      subscriber.next(event)
    },
    error,
    complete: () =>
      isOpen ? error("The stream ended before its run did. Load the thread again.") : subscriber.complete(),
  }
}

const runError = (error: unknown) => ({
  type: EventType.RUN_ERROR,
  message: error instanceof Error ? error.message : String(error),
})
