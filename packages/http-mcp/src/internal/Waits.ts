/** The waits for runs: those for one run share one reader of its log, and one result. */
import { type AgentEvent, type ControlPlaneError, type Run, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import { Clock, Context, Duration, Effect, Equal, Hash, Option, RcMap, Runtime, type Scope } from "effect"
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

/** How a run goes: `progress` is the id of the event, and `message` what it says. */
export interface Progress {
  readonly progress: number
  readonly message: string
}

/** What a wait calls: `onProgress` before its end, and `onEnd` once. Both return at once. */
export interface Listener {
  readonly onProgress?: (progress: Progress) => void
  readonly onEnd: (result: Result | undefined) => void
}

/** A run that is waited for. */
interface AwaitedRun {
  /** The newest progress since its first wait has read it. */
  readonly recent: Array<Progress>
  readonly listeners: Set<Listener>
  /** Some once it has ended or waits for an answer, with its result; undefined where its log cannot be read. */
  outcome: Option.Option<Result | undefined>
}

export interface Waits {
  /**
   * Calls `onEnd` once, when the run has settled or after `seconds`, unless the Scope closes first. The result is undefined where the run has
   * to be read again, which is so at once where as many calls wait as may. It starts no fiber.
   */
  readonly listen: (
    ports: Ports,
    run: Run.Run,
    seconds: number,
    listener: Listener,
  ) => Effect.Effect<void, never, Scope.Scope>
}

// How many calls wait at once: each holds its connection and the fiber of its request, some 60 KB, and the reader of each run as much again.

export interface Bounds {
  readonly ofServer: number
  readonly ofProject: number
}

export const defaultBounds: Bounds = { ofServer: 2000, ofProject: 1500 }

/** A place among those that wait, until the Scope closes; false where there is none. */
const makePlaces = ({ ofProject, ofServer }: Bounds) => {
  let used = 0
  const byProject = new Map<object, number>()
  const usedBy = (project: object) => byProject.get(project) ?? 0
  const add = (project: object, places: number) => {
    used += places
    const left = usedBy(project) + places
    if (left === 0) byProject.delete(project)
    else byProject.set(project, left)
  }
  return (project: object): Effect.Effect<boolean, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const isFree = used < ofServer && usedBy(project) < ofProject
        if (isFree) add(project, 1)
        return isFree
      }),
      (hasPlace) => Effect.sync(() => hasPlace && add(project, -1)),
    )
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

/** How many of the newest messages a wait has that comes later. */
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
    const shared: AwaitedRun = { recent: [], listeners: new Set(), outcome: Option.none() }
    const publish = (progress: Progress) => {
      shared.recent.push(progress)
      if (shared.recent.length > capacity) shared.recent.shift()
      for (const { onProgress } of shared.listeners) onProgress?.(progress)
    }
    const end = (run?: Run.Run) =>
      Effect.map(run === undefined ? Effect.succeed(run) : Effect.cached(resultOf(ports, run)), (result) => {
        shared.outcome = Option.some(result)
        for (const { onEnd } of shared.listeners) onEnd(result)
      })
    yield* SettledRun.untilSettled(ports, begun, {
      take: ({ event, eventId: progress }) =>
        Effect.sync(() => {
          const message = messageOf(event)
          if (message !== undefined) publish({ progress, message })
        }),
    }).pipe(Effect.matchEffect({ onSuccess: end, onFailure: () => end() }), Effect.forkScoped)
    return shared
  })

/** Has a listener among those of a run. It is called once: with what the run comes to, or with nothing when the time is over. */
const joinUntil = (
  shared: AwaitedRun,
  deadlines: Deadlines,
  seconds: number,
  { onEnd, onProgress }: Listener,
) => {
  let isEnded = false
  const listener: Listener = {
    onEnd: (result) => {
      if (isEnded) return
      isEnded = true
      onEnd(result)
    },
    ...(onProgress === undefined ? {} : { onProgress: (progress) => isEnded || onProgress(progress) }),
  }
  return Effect.acquireRelease(
    // A wait that comes later has what the others were sent since it read the run.
    Effect.sync(() => {
      shared.recent.forEach((progress) => listener.onProgress?.(progress))
      shared.listeners.add(listener)
    }),
    () => Effect.sync(() => shared.listeners.delete(listener)),
  ).pipe(
    Effect.zipRight(deadlines.after(seconds, () => listener.onEnd(undefined))),
    // It may have settled before.
    Effect.map(() => Option.map(shared.outcome, listener.onEnd)),
    Effect.asVoid,
  )
}

export const makeWith = (bounds: Bounds): Effect.Effect<Waits, never, Scope.Scope> =>
  Effect.gen(function* () {
    const awaited = yield* RcMap.make({ lookup: follow })
    const deadlines = yield* makeDeadlines
    const placeOf = makePlaces(bounds)
    const of = (key: Key) =>
      Effect.flatMap(RcMap.get(awaited, key), (shared) =>
        // A run that asked something may go on, so a later wait reads it anew.
        Option.isSome(shared.outcome)
          ? Effect.zipRight(RcMap.invalidate(awaited, key), RcMap.get(awaited, key))
          : Effect.succeed(shared),
      )
    return {
      listen: (ports, run, seconds, listener) => {
        const key = new Key(ports, run)
        return Effect.flatMap(placeOf(key.runs), (hasPlace) =>
          hasPlace
            ? Effect.flatMap(of(key), (shared) => joinUntil(shared, deadlines, seconds, listener))
            : Effect.sync(() => listener.onEnd(undefined)),
        )
      },
    }
  })

export const make: Effect.Effect<Waits, never, Scope.Scope> = makeWith(defaultBounds)
