/** A worker over the network whose runs repeatedly emit the current time. */
import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent } from "@runlease/core"
import { Effect, Schedule, Stream } from "effect"
import * as Child from "./Child.js"
import * as DrainRate from "./DrainRate.js"
import * as Stores from "./Stores.js"

export interface Streams {
  readonly runs: number
  readonly deltas: number
  /** Milliseconds from one delta of a run to its next. */
  readonly pace: number
}

/** Executes so many streaming runs to their ends. */
export type Calls = { readonly stream: { readonly input: Streams; readonly output: null } }

/** The monotonic clock of the machine, which all processes share, in nanoseconds. */
const time = Effect.sync(() => AgentEvent.textContent("message-1", String(process.hrtime.bigint())))

const events = ({ deltas, pace }: Streams) =>
  Stream.make(AgentEvent.textStart("message-1")).pipe(
    Stream.concat(
      Stream.repeatEffectWithSchedule(time, Schedule.fixed(pace)).pipe(
        Stream.take(deltas),
        Stream.rechunk(1),
      ),
    ),
    Stream.concat(Stream.make(AgentEvent.textEnd("message-1"))),
  )

Stores.client(Child.options<Stores.Served>()).pipe(
  Effect.flatMap((ports) =>
    Child.serve<Calls>(null, {
      stream: (streams) => {
        let index = 0
        // Runs are claimed together, and each has its own phase.
        const phased = Stream.suspend(() => {
          index += 1
          const phase = (index * 7) % streams.pace
          return Stream.drain(Stream.fromEffect(Effect.sleep(phase))).pipe(Stream.concat(events(streams)))
        })
        return Effect.as(
          DrainRate.perSecond(ports, { runs: streams.runs, concurrency: streams.runs, events: phased }),
          null,
        )
      },
    }),
  ),
  Effect.scoped,
  NodeRuntime.runMain,
)
