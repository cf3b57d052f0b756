/** Reads the event streams of runs like browsers: one response per run, until its end. */
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

/** A type, as it is a part of a sample. */
export type Latencies = {
  /** Milliseconds from the production of a delta to its reading. */
  readonly p50: number
  readonly p99: number
  /** Deltas that did not arrive exactly once and in order. */
  readonly dropped: number
}

export type Calls = {
  /** Opens the streams and returns once all have started. */
  readonly open: { readonly input: ReadonlyArray<Followed>; readonly output: null }
  /** Waits for all streams to end; returns the latencies of so many deltas in each. */
  readonly latencies: { readonly input: number; readonly output: Latencies }
}

const { key, url } = Child.options<Served>()
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

interface Log {
  /** The production time of each delta, in the order of arrival. */
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

/** Reads a response to its end. */
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

/** Like an `EventSource`: when a response ends before its run, the next continues after the last event. */
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

Child.serve<Calls>(null, {
  open: (followed) =>
    Effect.promise(async () => {
      readings = followed.map(follow)
      await Promise.all(readings.map(({ begun, ended }) => Promise.race([begun, ended])))
      return null
    }),
  latencies: (deltas) =>
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
