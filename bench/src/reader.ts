/** Readers of runs' event streams, as browsers are: one response for each run, read until it ends. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Agent, get, type IncomingMessage } from "node:http"
import * as Child from "./Child.js"
import { quantile } from "./Statistics.js"
import type { Served } from "./Stores.js"

export interface Followed {
  readonly conversationId: string
  readonly runId: string
}

export interface Seen {
  /** From a delta's production until it was read, in milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Deltas that did not come exactly once and in their order. */
  readonly dropped: number
}

export type Questions = {
  /** Opens the streams; answers once all have begun. */
  readonly open: { readonly asked: ReadonlyArray<Followed>; readonly answer: null }
  /** Once all have ended: what was seen of so many deltas in each. */
  readonly seen: { readonly asked: number; readonly answer: Seen }
}

const { key, url } = Child.options<Served>()
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

interface Log {
  readonly times: Array<number>
  readonly ended: Promise<void>
  latencies: Array<number>
}

const read = (response: IncomingMessage): Log => {
  let rest = ""
  const log: Log = {
    times: [],
    latencies: [],
    ended: new Promise((resolve, reject) => response.once("end", resolve).once("error", reject)),
  }
  response.setEncoding("utf8")
  response.on("data", (chunk: string) => {
    const now = Number(process.hrtime.bigint())
    const lines = (rest + chunk).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      if (!line.startsWith("data:")) continue
      const event = JSON.parse(line.slice(5)) as { readonly type: string; readonly delta?: string }
      if (event.type !== "TEXT_MESSAGE_CONTENT") continue
      const producedAt = Number(event.delta)
      log.times.push(producedAt)
      log.latencies.push((now - producedAt) / 1e6)
    }
  })
  return log
}

const open = ({ conversationId, runId }: Followed): Promise<Log> =>
  new Promise((resolve, reject) => {
    const path = `${url}/conversations/${conversationId}/runs/${runId}/stream`
    get(path, { agent, headers: { authorization: `Bearer ${key}` } }, (response) => {
      if (response.statusCode === 200) resolve(read(response))
      else reject(new Error(`${path}: ${response.statusCode}`))
    }).once("error", reject)
  })

let logs: ReadonlyArray<Log> = []

Child.answer<Questions>(null, {
  open: (followed) =>
    Effect.promise(async () => {
      logs = await Promise.all(followed.map(open))
      return null
    }),
  seen: (deltas) =>
    Effect.promise(async () => {
      await Promise.all(logs.map(({ ended }) => ended))
      const latencies = logs.flatMap((log) => log.latencies)
      const inOrder = ({ times }: Log) =>
        times.filter((time, index) => index === 0 || time > times[index - 1]!).length
      return {
        p50: quantile(latencies, 0.5),
        p99: quantile(latencies, 0.99),
        dropped: logs.reduce((sum, log) => sum + Math.abs(deltas - inOrder(log)), 0),
      }
    }),
}).pipe(Effect.scoped, NodeRuntime.runMain)
