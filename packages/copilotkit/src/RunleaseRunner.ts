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
 *
 * @since 0.1.0
 */
import {
  type AbstractAgent,
  type BaseEvent,
  EventType,
  type RunAgentInput,
  runHttpRequest,
  transformHttpEventStream,
} from "@ag-ui/client"
import { AgentRunner } from "@copilotkit/runtime/v2"
import { Observable } from "rxjs"

/**
 * The URL of `runlease serve`, and an API key of a project there. Keep it in the backend: a page must not have it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly url: string
  readonly apiKey: string
}

interface ThreadRequest {
  readonly threadId: string
}

/**
 * Runs, follows and stops threads at Runlease, where they are durable. It has no state itself, so that it can restart, or
 * be one of many, and a page still finds its thread.
 *
 * Its agents are `HttpAgent`s at `/ag-ui/{agent_id}?detach=true&busy=refuse`. With `detach` a run goes on when its page or
 * this process ends; with `busy=refuse` a thread with a run in progress refuses a second one, as CopilotKit expects.
 *
 * Fails: a run that cannot be started or followed ends with RUN_ERROR; `isRunning` and `stop` reject with the status and the
 * answer of the server.
 *
 * @since 0.1.0
 * @category services
 */
export class RunleaseRunner extends AgentRunner {
  constructor(readonly options: Options) {
    super()
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
      agent
        .runAgent(resume === undefined ? rest : { ...rest, resume }, {
          onEvent: ({ event }) => subscriber.next(event),
        })
        .catch((error: unknown) => subscriber.next(runError(error)))
        .finally(() => subscriber.complete())
      // Closes only the stream; the run goes on.
      return () => agent.abortRun()
    })
  }

  connect({ threadId }: ThreadRequest): Observable<BaseEvent> {
    return new Observable<BaseEvent>((subscriber) => {
      const closed = new AbortController()
      const events = transformHttpEventStream(
        runHttpRequest(() => this.request(threadId, "/stream", { signal: closed.signal })),
      )
      subscriber.add(
        events.subscribe({
          next: (event) => subscriber.next(event),
          complete: () => subscriber.complete(),
          error: (error: unknown) => subscriber.error(error),
        }),
      )
      return () => closed.abort()
    })
  }

  async isRunning({ threadId }: ThreadRequest): Promise<boolean> {
    const { status } = await this.answer<{ status: string }>(threadId, "")
    return status === "running" || status === "queued"
  }

  async stop({ runId, threadId }: ThreadRequest & { readonly runId?: string }): Promise<boolean> {
    const { stopped } = await this.answer<{ stopped: boolean }>(threadId, "/stop", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ runId }),
    })
    return stopped
  }

  private request(threadId: string, path: string, { headers, ...init }: RequestInit = {}) {
    const { apiKey, url } = this.options
    return fetch(`${url}/threads/${encodeURIComponent(threadId)}${path}`, {
      ...init,
      headers: { ...headers, Authorization: `Bearer ${apiKey}` },
    })
  }

  private async answer<A>(threadId: string, path: string, init?: RequestInit): Promise<A> {
    const response = await this.request(threadId, path, init)
    if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
    return response.json() as Promise<A>
  }
}

const runError = (error: unknown) => ({
  type: EventType.RUN_ERROR,
  message: error instanceof Error ? error.message : String(error),
})
