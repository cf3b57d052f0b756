/** Sends hostile requests to a server, and collects the answers that none should get. */
import { Effect, FastCheck as fc } from "effect"
import { exchange, type Reply } from "../socket.js"
import * as HostileRequests from "./HostileRequests.js"

export interface Options {
  readonly url: string
  /** An admin key. */
  readonly key: string
  readonly seed: number
  readonly requests: number
  /** How many connections there are at once. */
  readonly concurrency: number
  /** Called after each thousand requests. */
  readonly onThousand?: (sent: number) => Effect.Effect<void>
}

export interface Result {
  readonly sent: number
  readonly byStatus: Readonly<Record<string, number>>
  readonly problems: ReadonlyArray<string>
}

/** Milliseconds without a byte, after which a request hangs. */
const patience = 60_000

const atOnce = 1000

const call = async (url: string, method: string, path: string, token: string, body: unknown) => {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  // oxlint-disable-next-line typescript/no-explicit-any -- the answers are those of the contract
  return (await response.json()) as any
}

/** Makes what right requests name: a run that a worker holds, its conversation, a key. Requests may end or delete them. */
const makeWorld = ({ key, url }: Options, runId: string): Effect.Effect<HostileRequests.World> =>
  Effect.promise(async () => {
    const register = (worker_key: string) =>
      call(url, "POST", "/agent-workers/projects/default/workers", key, {
        implementation_kind: "k",
        worker_key,
      })
    const worker = await register("holder")
    const spare = await register("spare")
    await call(url, "POST", "/runs", key, {
      kind: "agent",
      public_id: runId,
      request: { agent_id: "agent" },
    })
    const { run } = await call(url, "POST", `/agent-workers/workers/${worker.worker.id}/claim`, key, {})
    const made = await call(url, "POST", "/projects/default/keys", key, { name: "named" })
    const page = await call(url, "POST", "/projects/default/tokens", key, {
      scopes: ["read", "write", "stop"],
      conversation_id: run.conversation_id,
    })
    return {
      names: {
        project_reference: "default",
        worker_id: worker.worker.id,
        run_id: runId,
        conversation_id: run.conversation_id,
        key_id: made.key.id,
        agent_id: "agent",
        thread_id: "thread",
        chat_id: "thread",
        response_id: "resp_1",
        operation: "message:send",
        task_id: runId,
        config_id: "config",
      },
      spareWorker: spare.worker.id,
      key,
      workerToken: worker.token,
      pageToken: page.token,
    }
  })

/** What is wrong with an answer. */
const problemOf = (reply: Reply, broken: boolean): string | undefined => {
  if (reply.hung) return broken ? undefined : "hangs"
  if (reply.status === 0) return broken ? undefined : "breaks off"
  if (reply.status < 500 || (reply.status === 503 && reply.headers["retry-after"] !== undefined))
    return undefined
  return `answers ${reply.status} ${reply.text.slice(0, 300)}`
}

/** One campaign: the same requests for the same seed, but for the names that the server made. */
export const run = (options: Options): Effect.Effect<Result> =>
  Effect.gen(function* () {
    const byStatus: Record<string, number> = {}
    const problems: Array<string> = []

    const send = ({ broken, bytes, operation }: HostileRequests.Hostile) =>
      Effect.map(exchange(options.url, { bytes, within: broken ? 2000 : patience }), (reply) => {
        byStatus[reply.status] = (byStatus[reply.status] ?? 0) + 1
        const problem = problemOf(reply, broken)
        if (problem === undefined) return
        problems.push(
          `${operation} ${problem} to ${Buffer.from(bytes)
            .toString("latin1")
            .replaceAll(/X-Flood.*\r\n/g, "")
            .slice(0, 1000)}`,
        )
      })

    let sent = 0
    while (sent < options.requests) {
      const numRuns = Math.min(atOnce, options.requests - sent)
      const world = yield* makeWorld(options, `run-${sent}`)
      const requests = fc.sample(HostileRequests.make(world), { seed: options.seed + sent, numRuns })
      yield* Effect.forEach(requests, send, { concurrency: options.concurrency, discard: true })
      sent += numRuns
      yield* options.onThousand?.(sent) ?? Effect.void
    }
    return { sent, byStatus, problems }
  })
