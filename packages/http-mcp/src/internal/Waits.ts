/** The waits for runs: those for one run share one reader of its log, and one result. */
import { type AgentEvent, type ControlPlaneError, type Run, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import {
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Equal,
  Hash,
  Option,
  PubSub,
  RcMap,
  Runtime,
  type Scope,
} from "effect"
import type { Ports } from "./Call.js"
import type * as JsonRpc from "./JsonRpc.js"
import * as RunView from "./RunView.js"
import * as Tool from "./Tool.js"

// The ends of many waits: those that come close together share one sleep.

/** How exact an end is, in milliseconds. It comes late, never early. */
const step = 100

/** The monotonic clock, in milliseconds. */
const time = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

interface Deadlines {
  /** Calls `listener` after `seconds`, unless the Scope closes first. */
  readonly after: (seconds: number, listener: () => void) => Effect.Effect<void, never, Scope.Scope>
}

export const makeDeadlines: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  // A sleep holds nothing of the request that is its first.
  const fork = Runtime.runFork(yield* Effect.runtime<never>())
  const ends = new Map<number, Set<() => void>>()

  const begin = (end: number, millis: number): Set<() => void> => {
    const listeners = new Set<() => void>()
    ends.set(end, listeners)
    const call = Effect.sync(() => {
      ends.delete(end)
      for (const listener of listeners) listener()
    })
    // A Layer makes this where nothing is interruptible; a server that closes waits for no sleep.
    fork(Effect.interruptible(Effect.delay(call, Duration.millis(millis))), { scope })
    return listeners
  }

  return {
    after: (seconds, listener) =>
      Effect.flatMap(time, (now) => {
        const end = Math.ceil((now + seconds * 1000) / step) * step
        return Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              const listeners = ends.get(end) ?? begin(end, end - now)
              listeners.add(listener)
              return listeners
            }),
            (listeners) => Effect.sync(() => listeners.delete(listener)),
          ),
        )
      }),
  }
})

export type Failure = ControlPlaneError.ControlPlaneError | Run.RunNotFound

type Result = Effect.Effect<JsonRpc.Params, Failure>

/** How a run goes: `progress` is the id of the event, and `message` what it says; undefined at the end. */
export interface Progress {
  readonly progress: number
  readonly message: string | undefined
}

/** A run that is waited for. `settled` is done once it has ended or waits for an answer, with its result; undefined where its log cannot be read. */
export interface AwaitedRun {
  readonly published: PubSub.PubSub<Progress>
  readonly settled: Deferred.Deferred<Result | undefined>
  /** What is called with that result, then. */
  readonly listeners: Set<Listener>
}

type Listener = (result: Result | undefined) => void

export interface Waits {
  /** The run with the reader of its log, which ends with the last Scope that has it. */
  readonly of: (ports: Ports, run: Run.Run) => Effect.Effect<AwaitedRun, never, Scope.Scope>

  /**
   * Calls `listener` once, when the run has settled or after `seconds`, unless the Scope closes first. The result is undefined where the
   * run has to be read again. It starts no fiber.
   */
  readonly listen: (
    ports: Ports,
    run: Run.Run,
    seconds: number,
    listener: Listener,
  ) => Effect.Effect<void, never, Scope.Scope>
}

/** The result of a run for the tool that began or looks at it. A run that has failed is an error of its tool. */
export const resultOf = (ports: Ports, run: Run.Run): Result =>
  Effect.map(RunView.whole(ports, run), (view) =>
    Tool.ofValue(view, run.status === "failed" || run.status === "cancelled"),
  )

/** What an event says of how a run goes; none for those that come often. */
const messageOf = (event: AgentEvent.LogEvent): string | undefined => {
  switch (event.type) {
    case "RUN_STARTED":
      return "The run has begun"
    case "STEP_STARTED":
      return `Step ${String(event["stepName"])}`
    case "TOOL_CALL_START":
      return `Calls ${String(event["toolCallName"])}`
    case "TEXT_MESSAGE_START":
      return "Writes"
    case "CUSTOM":
      return event["name"] === "runlease.attempt" ? "Another attempt has begun" : undefined
    default:
      return undefined
  }
}

/** The newest messages that a client which takes them slowly is sent. */
const capacity = 16

/** A run of a project, which has the same `Runs` in all of its requests. The run is as the first of its waits has read it. */
class Key implements Equal.Equal {
  constructor(
    readonly ports: Ports,
    readonly run: Run.Run,
  ) {}
  get runs(): Context.Tag.Service<Runs.Runs> {
    return Context.get(this.ports, Runs.Runs)
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Key && that.run.runId === this.run.runId && that.runs === this.runs
  }
  [Hash.symbol](): number {
    return Hash.string(this.run.runId)
  }
}

const follow = ({ ports, run: begun }: Key): Effect.Effect<AwaitedRun, never, Scope.Scope> =>
  Effect.gen(function* () {
    // A wait that comes later has what the others were sent since it read the run.
    const published = yield* PubSub.sliding<Progress>({ capacity, replay: capacity })
    const settled = yield* Deferred.make<Result | undefined>()
    const listeners = new Set<Listener>()
    const end = (run: Run.Run | undefined, progress: number) =>
      Effect.gen(function* () {
        const result = run && (yield* Effect.cached(resultOf(ports, run)))
        yield* Deferred.succeed(settled, result)
        for (const listener of listeners) listener(result)
        yield* PubSub.publish(published, { progress, message: undefined })
      })
    yield* SettledRun.untilSettled(ports, begun, {
      take: ({ event, eventId: progress }) => {
        const message = messageOf(event)
        return message === undefined ? Effect.void : PubSub.publish(published, { progress, message })
      },
    }).pipe(
      Effect.matchEffect({
        onSuccess: (run) => end(run, run.latestEventId),
        onFailure: () => end(undefined, begun.latestEventId),
      }),
      Effect.forkScoped,
    )
    return { published, settled, listeners }
  })

/** Calls a listener once: with what the run comes to, or with nothing when the time is over. */
const joinUntil = (
  { listeners, settled }: AwaitedRun,
  deadlines: Deadlines,
  seconds: number,
  listener: Listener,
) => {
  let isCalled = false
  const once: Listener = (result) => {
    if (isCalled) return
    isCalled = true
    listener(result)
  }
  return Effect.acquireRelease(
    Effect.sync(() => listeners.add(once)),
    () => Effect.sync(() => listeners.delete(once)),
  ).pipe(
    Effect.zipRight(deadlines.after(seconds, () => once(undefined))),
    // It may have settled before.
    Effect.zipRight(Deferred.poll(settled)),
    Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: Effect.map(once) })),
  )
}

export const make: Effect.Effect<Waits, never, Scope.Scope> = Effect.gen(function* () {
  const awaited = yield* RcMap.make({ lookup: follow })
  const deadlines = yield* makeDeadlines
  const of: Waits["of"] = (ports, run) => {
    const key = new Key(ports, run)
    return Effect.flatMap(RcMap.get(awaited, key), (shared) =>
      // A run that asked something may go on, so a later wait reads it anew.
      Effect.flatMap(Deferred.isDone(shared.settled), (isDone) =>
        isDone
          ? Effect.zipRight(RcMap.invalidate(awaited, key), RcMap.get(awaited, key))
          : Effect.succeed(shared),
      ),
    )
  }
  return {
    of,
    listen: (ports, run, seconds, listener) =>
      Effect.flatMap(of(ports, run), (shared) => joinUntil(shared, deadlines, seconds, listener)),
  }
})
