/** A worker over the network whose runs say what time it is, again and again. */
import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent } from "@runlease/core"
import { Effect, Schedule, Stream } from "effect"
import * as Child from "./Child.js"
import * as Draining from "./Draining.js"
import * as Stores from "./Stores.js"

export interface Streams {
  readonly runs: number
  readonly deltas: number
  /** Milliseconds from one delta of a run to its next. */
  readonly pace: number
}

/** Streams so many runs to their ends. */
export type Questions = { readonly stream: { readonly asked: Streams; readonly answer: null } }

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
    Child.answer<Questions>(null, {
      stream: (streams) => {
        let index = 0
        // Runs are claimed together; their deltas come at times of their own.
        const phased = Stream.suspend(() => {
          index += 1
          const phase = (index * 7) % streams.pace
          return Stream.drain(Stream.fromEffect(Effect.sleep(phase))).pipe(Stream.concat(events(streams)))
        })
        return Effect.as(
          Draining.perSecond(ports, { runs: streams.runs, concurrency: streams.runs, events: phased }),
          null,
        )
      },
    }),
  ),
  Effect.scoped,
  NodeRuntime.runMain,
)
