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
  /** When each delta was produced, in the order in which they came. */
  readonly times: Array<number>
  readonly latencies: Array<number>
  lastEventId: string
  ended: boolean
}

const take = (log: Log, line: string, now: number): void => {
  if (line.startsWith("id:")) log.lastEventId = line.slice(3).trim()
  if (!line.startsWith("data:")) return
  const event = JSON.parse(line.slice(5)) as { readonly type: string; readonly delta?: string }
  if (event.type === "RUN_FINISHED") log.ended = true
  if (event.type !== "TEXT_MESSAGE_CONTENT") return
  const producedAt = Number(event.delta)
  log.times.push(producedAt)
  log.latencies.push((now - producedAt) / 1e6)
}

/** A response up to its end. */
const read = (log: Log, response: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    let rest = ""
    response.setEncoding("utf8")
    response.on("data", (chunk: string) => {
      const now = Number(process.hrtime.bigint())
      const lines = (rest + chunk).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) take(log, line, now)
    })
    response.once("close", resolve)
  })

const respond = ({ conversationId, runId }: Followed, { lastEventId }: Log): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, "last-event-id": lastEventId }
    get(`${url}/conversations/${conversationId}/runs/${runId}/stream`, { agent, headers }, resolve).once(
      "error",
      reject,
    )
  })

interface Reading {
  readonly log: Log
  readonly begun: Promise<void>
  readonly ended: Promise<void>
}

/** As an `EventSource` does: where a response ends before the run does, the next goes on after the last event. */
const follow = (followed: Followed): Reading => {
  const log: Log = { times: [], latencies: [], lastEventId: "0", ended: false }
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const all = async () => {
    while (!log.ended) {
      const response = await respond(followed, log)
      if (response.statusCode === 200) begin()
      else if (response.statusCode !== 503) throw new Error(`A stream is refused: ${response.statusCode}`)
      await read(log, response)
      if (!log.ended) await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return { log, begun, ended: all() }
}

let readings: ReadonlyArray<Reading> = []

Child.answer<Questions>(null, {
  open: (followed) =>
    Effect.promise(async () => {
      readings = followed.map(follow)
      await Promise.all(readings.map(({ begun, ended }) => Promise.race([begun, ended])))
      return null
    }),
  seen: (deltas) =>
    Effect.promise(async () => {
      await Promise.all(readings.map(({ ended }) => ended))
      const logs = readings.map(({ log }) => log)
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
