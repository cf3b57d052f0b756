/** Reads the event streams of runs like browsers: one response per run, until its end. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import * as Child from "./Child.js"
import * as EventStream from "./EventStream.js"
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

const served = Child.options<Served>()

interface Log {
  /** The production time of each delta, in the order of arrival. */
  readonly times: Array<number>
  readonly latencies: Array<number>
}

interface Reading {
  readonly log: Log
  readonly begun: Promise<void>
  readonly ended: Promise<void>
}

const take = (log: Log, { delta, type }: EventStream.Event, now: number): boolean => {
  if (type === "TEXT_MESSAGE_CONTENT") {
    const producedAt = Number(delta)
    log.times.push(producedAt)
    log.latencies.push((now - producedAt) / 1e6)
  }
  return type === "RUN_FINISHED"
}

const follow = ({ conversationId, runId }: Followed): Reading => {
  const log: Log = { times: [], latencies: [] }
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const ended = EventStream.follow(served, `/conversations/${conversationId}/runs/${runId}/stream`, {
    begin,
    take: (event, now) => take(log, event, now),
  })
  return { log, begun, ended }
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
