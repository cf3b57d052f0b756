/**
 * What a page of the AI SDK costs: the time from the request of a page that comes back to the last of 10,000 chunks, beside `resumable-stream` on Redis, and
 * the CPU of the server for each delta to a viewer, beside viewers of AG-UI.
 *
 * `--events=N`, `--viewers=N` (100 when absent), `--deltas=N` of each round (200) and `--rounds=N` (7) are these numbers. Redis takes part where there is a
 * `redis-server`.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RunLog, Runs } from "@runlease/core"
import { Console, Context, Effect, Option } from "effect"
import { get, type IncomingMessage } from "node:http"
import type { Options } from "../peers/ResumableStream.js"
import * as Child from "./Child.js"
import { numberOf } from "./Flags.js"
import * as Machine from "./Machine.js"
import * as Statistics from "./Statistics.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

const events = numberOf("events", 10_000)
const viewers = numberOf("viewers", 100)
const deltas = numberOf("deltas", 200)
const rounds = numberOf("rounds", 7)

const last = "the last one"

const headersOf = (key: string) => ({ authorization: `Bearer ${key}` })

/** A response that has begun. */
const begin = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).once("error", reject)
  })

/** Reads until so many of the text have come. */
const readUntil = (response: IncomingMessage, text: string, times: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let count = 0
    let rest = ""
    response.setEncoding("utf8")
    response.on("data", (chunk: string) => {
      const parts = (rest + chunk).split(text)
      count += parts.length - 1
      rest = parts.at(-1)!.slice(-text.length)
      if (count >= times) resolve()
    })
    response.once("error", reject)
    response.once("close", () => reject(new Error(`A stream ended after ${count} of ${times}`)))
  })

/** Milliseconds from the request to the last chunk. */
const replayed = (url: string, headers?: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    const start = performance.now()
    const response = await begin(url, headers)
    await readUntil(response, last, 1)
    const took = performance.now() - start
    response.destroy()
    return took
  })

const repeated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.zipRight(
    effect,
    Effect.forEach(Array.from({ length: rounds }), () => effect),
  )

const figure = (values: ReadonlyArray<number>): string => Table.spread(Statistics.summarize(values))

/** A run that this process executes, and how its conversation is called. */
const begun = Effect.fnUntraced(function* (ports: Stores.Ports) {
  const { run } = yield* Context.get(ports, Runs.Runs).submit({
    agentId: "talker",
    initialStatus: "running",
    snapshot: { messages: [], tools: [], context: [] },
  })
  const log = Context.get(ports, RunLog.RunLog)
  const append = (added: ReadonlyArray<AgentEvent.LogEvent>) =>
    log.append({ runId: run.runId, events: added })
  yield* append([AgentEvent.textStart("m")])
  return { chat: run.conversationId, append }
})

/** Where viewers of a conversation read it. */
const addresses = {
  "AG-UI": (chat: string) => `/threads/${chat}/stream?protocol_version=1.0`,
  "AI SDK": (chat: string) => `/chat/talker/${chat}/stream`,
}

const replays = Effect.gen(function* () {
  const server = yield* Stores.server(yield* Machine.sqlite("chat_replay", "normal"))
  const ports = yield* Stores.client(server.ready)
  const { append, chat } = yield* begun(ports)
  for (let count = 0; count < events; count += 100) {
    const batch = Array.from({ length: Math.min(100, events - count) }, (_, index) =>
      AgentEvent.textContent("m", count + index === events - 1 ? last : `word ${count + index} `),
    )
    yield* append(batch)
  }
  return yield* Effect.forEach(Object.entries(addresses), ([name, address]) =>
    Effect.map(repeated(replayed(server.ready.url + address(chat), headersOf(server.ready.key))), (times) => [
      `Runlease, ${name}`,
      figure(times),
    ]),
  )
}).pipe(Effect.scoped)

const ofRedis = Effect.gen(function* () {
  const { redis } = yield* Machine.Machine
  const server = yield* redis("everysec")
  if (Option.isNone(server)) return []
  const { ready } = yield* Child.start<{ readonly url: string }>("../peers/ResumableStream.ts", {
    port: server.value.port,
    chunks: events,
    last,
  } satisfies Options)
  return [["resumable-stream on Redis", figure(yield* repeated(replayed(ready.url)))]]
}).pipe(Effect.scoped)

/** Microseconds of the CPU of a server for each delta, while so many viewers read it at an address. */
const cpuOfDelta = (address: ((chat: string) => string) | undefined) =>
  Effect.gen(function* () {
    const server = yield* Stores.server(yield* Machine.sqlite(`chat_cpu_${crypto.randomUUID()}`, "normal"))
    const { key, url } = server.ready
    const { append, chat } = yield* begun(yield* Stores.client(server.ready))
    const open = address === undefined ? 0 : viewers
    const responses = yield* Effect.forEach(
      Array.from({ length: open }),
      () => Effect.promise(() => begin(url + address!(chat), headersOf(key))),
      { concurrency: 10 },
    )
    // Both forms have begun, and the code is warm.
    const send = (count: number) =>
      Effect.gen(function* () {
        const taken = responses.map((response) => readUntil(response, "delta-", count))
        for (let index = 0; index < count; index++)
          yield* append([AgentEvent.textContent("m", `delta-${index} `)])
        yield* Effect.promise(() => Promise.all(taken))
        for (const response of responses) response.removeAllListeners("close").removeAllListeners("data")
      })
    yield* send(deltas)
    const before = yield* server.call("cpu")
    yield* send(deltas)
    const after = yield* server.call("cpu")
    for (const response of responses) response.destroy()
    return (after - before) / deltas
  }).pipe(Effect.scoped)

const costs = Effect.gen(function* () {
  const round = Effect.gen(function* () {
    const without = yield* cpuOfDelta(undefined)
    const perViewer = (address: (chat: string) => string) =>
      Effect.map(cpuOfDelta(address), (cpu) => (cpu - without) / viewers)
    const agUi = yield* perViewer(addresses["AG-UI"])
    const chat = yield* perViewer(addresses["AI SDK"])
    return { agUi, chat, ratio: chat / agUi }
  })
  const measured = yield* Effect.forEach(Array.from({ length: rounds }), () => round)
  return [
    ["AG-UI", figure(measured.map(({ agUi }) => agUi)), ""],
    ["AI SDK", figure(measured.map(({ chat }) => chat)), `${figure(measured.map(({ ratio }) => ratio))}×`],
  ]
})

const program = Effect.gen(function* () {
  const replayRows = [...(yield* replays), ...(yield* ofRedis)]
  yield* Console.log(
    Table.render(`From the request to the last of ${events} chunks`, ["", "milliseconds"], replayRows),
  )
  const title = `${viewers} viewers of one run`
  yield* Console.log(
    Table.render(title, ["", "CPU of the server for a delta to a viewer, µs", "of AG-UI"], yield* costs),
  )
})

program.pipe(
  Effect.provide(Machine.layer),
  Effect.scoped,
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain,
)
