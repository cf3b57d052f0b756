/**
 * A process of a simulated world: it has its own scheduler, clock and source of randomness, so it can be paused and killed
 * whatever its fibers do.
 */
import { RandomUuid } from "@runlease/core/Ids"
import {
  Clock,
  Context,
  DefaultServices,
  Duration,
  Effect,
  type Fiber,
  FiberId,
  FiberRef,
  FiberRefs,
  LogLevel,
  Random,
  Runtime,
  RuntimeFlags,
  Scheduler,
} from "effect"
import type { Prng } from "./Prng.js"
import type { VirtualTime } from "./VirtualTime.js"

/** What a paused process's clock does: it `runs`, as that of a stopped process, or it `stands`, as that of a suspended machine. */
export type PausedClock = "runs" | "stands"

export interface Process {
  readonly name: string

  /** Starts a fiber of the process. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>

  /** Runs something that comes from outside, once the process is not paused. A dead process does not run it. */
  readonly deliver: (run: () => void) => void

  /** Runs something when this many microseconds have passed on the process's clock. Returns what takes it back. */
  readonly after: (micros: number, run: () => void) => () => void

  /** Stops all of its fibers where they are. */
  readonly pause: (clock: PausedClock) => void

  readonly resume: () => void

  /** Stops all of its fibers for ever; no finalizer of them runs. */
  readonly kill: () => void

  /**
   * Ends the fibers of the process, dead or not, when the world is over: Effect holds a fiber that has not ended for ever. No time passes,
   * so what waits for a time resumes at once.
   */
  readonly bury: () => void

  /** Sets its wall clock this many milliseconds ahead of the time that passes, which timers and the monotonic clock follow. */
  readonly setWall: (ahead: number) => void

  readonly isPaused: () => boolean
  readonly isDead: () => boolean
  readonly isBuried: () => boolean

  /** How often its fibers have had a turn. */
  readonly turns: () => number
}

/** How many operations a fiber may do before others have their turn. */
const maxOperations = 2048

interface Timer {
  /** On the clock of the process. */
  readonly due: number
  readonly run: () => void
  cancel: () => void
}

/** Makes a process that runs. `rate` is how fast its clock goes, 1 for that of the world. */
export const make = (options: {
  readonly name: string
  readonly time: VirtualTime
  readonly prng: Prng
  readonly rate: number
}): Process => {
  const { name, prng, time } = options
  const roots = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  let dead = false
  let buried = false
  let paused: PausedClock | undefined
  let turns = 0
  let ahead = 0

  // The local time is linear in the world's since the last change of the rate.
  let rate = options.rate
  let worldBase = time.now()
  let localBase = time.now()
  const local = () => localBase + Math.floor((time.now() - worldBase) * rate)
  const setRate = (next: number): void => {
    localBase = local()
    worldBase = time.now()
    rate = next
  }

  let tasks: Array<() => void> = []
  let waitsForTurn = false
  const takeTurn = (): void => {
    waitsForTurn = false
    if (dead || paused !== undefined) return
    turns += 1
    const current = tasks
    tasks = []
    for (const [index, task] of current.entries()) {
      // A fiber may kill or pause the process that it is in.
      if (dead || paused !== undefined) {
        tasks = [...current.slice(index), ...tasks]
        return
      }
      task()
    }
    if (tasks.length > 0) askForTurn()
  }
  const askForTurn = (): void => {
    if (waitsForTurn || dead || paused !== undefined) return
    waitsForTurn = true
    time.turn(takeTurn)
  }

  /** What has come while the process was paused, with the world's instant. */
  let delayed: Array<() => void> = []
  const deliver: Process["deliver"] = (run) => {
    if (dead) return
    if (paused === undefined) run()
    else delayed.push(run)
  }

  const timers = new Set<Timer>()
  const arm = (timer: Timer): void => {
    const instant =
      rate === 0 ? Number.POSITIVE_INFINITY : worldBase + Math.ceil((timer.due - localBase) / rate)
    timer.cancel = time.at(instant, () => {
      timers.delete(timer)
      deliver(timer.run)
    })
  }
  const after: Process["after"] = (micros, run) => {
    if (buried) {
      time.turn(run)
      return () => {}
    }
    const timer: Timer = { due: local() + Math.ceil(micros), run, cancel: () => {} }
    timers.add(timer)
    arm(timer)
    return () => {
      timers.delete(timer)
      timer.cancel()
    }
  }
  const rearm = (): void => {
    for (const timer of timers) {
      timer.cancel()
      arm(timer)
    }
  }

  const wall = () => Math.floor(local() / 1000) + ahead
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: wall,
    unsafeCurrentTimeNanos: () => BigInt(local()) * 1000n,
    currentTimeMillis: Effect.sync(wall),
    currentTimeNanos: Effect.sync(() => BigInt(local()) * 1000n),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const millis = Duration.toMillis(duration)
        if (!Number.isFinite(millis)) return
        return Effect.sync(after(millis * 1000, () => resume(Effect.void)))
      }),
  }

  // The tasks of a dead process wait for its burial. A fiber yields as often as on Effect's own scheduler.
  const scheduler = Scheduler.make(
    (task) => {
      tasks.push(task)
      askForTurn()
    },
    ({ currentOpCount }) => (currentOpCount > maxOperations ? 0 : false),
  )
  const services = DefaultServices.liveServices.pipe(
    Context.add(Clock.Clock, clock),
    Context.add(Random.Random, Random.make(prng.between(0, 0xffff_ffff))),
  )
  const runtime = Runtime.make({
    context: Context.make(RandomUuid, prng.uuid),
    runtimeFlags: RuntimeFlags.disable(Runtime.defaultRuntimeFlags, RuntimeFlags.RuntimeMetrics),
    fiberRefs: FiberRefs.empty(),
  }).pipe(
    Runtime.setFiberRef(DefaultServices.currentServices, services),
    Runtime.setFiberRef(FiberRef.currentMinimumLogLevel, LogLevel.None),
  )

  return {
    name,
    fork: (effect) => {
      const fiber = Runtime.runFork(runtime, effect, { scheduler, immediate: false })
      roots.add(fiber)
      fiber.addObserver(() => roots.delete(fiber))
      return fiber
    },
    deliver,
    after,
    pause: (how) => {
      if (dead || paused !== undefined) return
      paused = how
      if (how === "runs") return
      setRate(0)
      rearm()
    },
    resume: () => {
      if (dead || paused === undefined) return
      if (paused === "stands") {
        setRate(options.rate)
        rearm()
      }
      paused = undefined
      const arrived = delayed
      delayed = []
      // Fibers run between them, as between the callbacks of an event loop.
      for (const run of arrived) {
        time.turn(() => {
          deliver(run)
          takeTurn()
        })
      }
      askForTurn()
    },
    kill: () => {
      if (buried) return
      dead = true
      for (const timer of timers) timer.cancel()
    },
    bury: () => {
      buried = true
      dead = false
      paused = undefined
      for (const { cancel, run } of timers) {
        cancel()
        time.turn(run)
      }
      timers.clear()
      for (const fiber of roots) fiber.unsafeInterruptAsFork(FiberId.none)
      askForTurn()
    },
    setWall: (millis) => {
      ahead = millis
    },
    isPaused: () => paused !== undefined,
    isDead: () => dead,
    isBuried: () => buried,
    turns: () => turns,
  }
}
