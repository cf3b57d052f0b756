/** A worker over the network whose runs repeatedly emit the current time. */
import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent } from "@runlease/core"
import { Effect, Stream } from "effect"
import * as Child from "./Child.js"
import * as DrainRate from "./DrainRate.js"
import * as Feed from "./Feed.js"
import { quantile } from "./Statistics.js"
import * as Stores from "./Stores.js"

export interface Options {
  readonly served: Stores.Served
  /** Milliseconds from one delta of a run to its next. */
  readonly pace: number
}

export interface Streams {
  readonly runs: number
  readonly deltas: number
}

/** Executes so many streaming runs to their ends; the 99th percentile of how late its timer was, in milliseconds. */
export type Calls = { readonly stream: { readonly input: Streams; readonly output: number } }

const { pace, served } = Child.options<Options>()

/** Opens a message, emits deltas with the monotonic clock of the machine in nanoseconds, and ends the message. */
const message = (deltas: number): Feed.Next<AgentEvent.AgentEvent> => {
  let emitted = 0
  return () => {
    const index = emitted++
    if (index === 0) return AgentEvent.textStart("message-1")
    if (index <= deltas) return AgentEvent.textContent("message-1", String(process.hrtime.bigint()))
    return index === deltas + 1 ? AgentEvent.textEnd("message-1") : undefined
  }
}

Effect.gen(function* () {
  const ports = yield* Stores.client(served)
  const feeds = Feed.start<AgentEvent.AgentEvent>(pace)
  return yield* Child.serve<Calls>(null, {
    stream: ({ deltas, runs }) =>
      Effect.sync(feeds.lateness).pipe(
        Effect.zipRight(
          DrainRate.perSecond(ports, {
            runs,
            concurrency: runs,
            execution: Stream.suspend(() => feeds.stream(message(deltas))),
          }),
        ),
        Effect.map(() => quantile(feeds.lateness(), 0.99)),
      ),
  })
}).pipe(Effect.scoped, NodeRuntime.runMain)
