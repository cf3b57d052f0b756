/** The exchanges of a run's life with `fetch` and nothing else, and what they look like on the wire. */
import { Claims, Ids, RequestSnapshot, Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Stores from "./Stores.js"

export interface Exchange {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly request: string
  readonly status: number
  readonly body: unknown
}

export interface Life<A> {
  readonly submit: A
  readonly claim: A
  readonly complete: A
}

export interface BareOptions {
  readonly answers: Life<Pick<Exchange, "status" | "body">>
  readonly token: string
}

/** What is submitted everywhere in this benchmark. */
export const submission: Runs.Submission = {
  agentId: Ids.AgentId.make("bench"),
  snapshot: RequestSnapshot.fromText("What is the weather in Lisbon, and should I take a coat?"),
}

/** The exchanges of one run, as the client of this repository makes them. */
export const record = (served: Stores.Served) =>
  Effect.gen(function* () {
    const exchanges: Array<Exchange> = []
    const recording: typeof fetch = async (input, init) => {
      const request = new Request(input, init)
      const sent = await request.clone().text()
      const response = await fetch(request)
      exchanges.push({
        path: new URL(request.url).pathname,
        headers: Object.fromEntries(request.headers),
        request: sent,
        status: response.status,
        body: await response.clone().json(),
      })
      return response
    }
    const ports = yield* Stores.client(served, recording)
    const workerId = yield* Stores.registerWorker(ports)
    exchanges.length = 0
    const { run } = yield* Context.get(ports, Runs.Runs).submit(submission)
    const [claimed] = yield* Context.get(ports, Claims.Claims).claim({
      workerId,
      limit: 1,
      leaseDuration: "60 seconds",
    })
    const fence = { workerId, epoch: claimed?.leaseEpoch ?? null }
    yield* Context.get(ports, Runs.Runs).complete(run.runId, { status: "completed" }, fence)
    const [submit, claim, complete] = exchanges
    if (submit === undefined || claim === undefined || complete === undefined || exchanges.length > 3) {
      return yield* Effect.dieMessage(`A run's life took ${exchanges.length} exchanges`)
    }
    const life: Life<Exchange> = { submit, claim, complete }
    return life
  }).pipe(Effect.scoped)

/** One run through its life, by the recorded requests. */
export const once = (url: string, life: Life<Exchange>, token?: string) => {
  const send = async ({ headers, path, request }: Exchange): Promise<unknown> => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
      body: request,
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  return Effect.promise(async () => {
    await send(life.submit)
    const startedAt = performance.now()
    const { run } = (await send(life.claim)) as { readonly run: { readonly run_id: string } }
    const claimMillis = performance.now() - startedAt
    await send({ ...life.complete, path: `/runs/${run.run_id}/complete` })
    return claimMillis
  })
}
