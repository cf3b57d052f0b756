/** One execution of the run of a crash test: by one worker, which may die at a place, and then by another one. Time is not real. */
import {
  Array as Arr,
  Cause,
  Context,
  Data,
  Effect,
  Exit,
  Layer,
  Logger,
  LogLevel,
  Option,
  Scope,
} from "effect"
import type { Executor } from "../executor/Executor.js"
import type { Interrupt, Interrupts } from "../model/Interrupt.js"
import * as Ids from "../model/Ids.js"
import { isTerminal, type Run } from "../model/Run.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Runs } from "../ports/Runs.js"
import * as ReplacedClients from "../rehearsal/ReplacedClients.js"
import { detached } from "../worker/Detached.js"
import * as Worker from "../worker/Worker.js"
import * as JumpClock from "./JumpClock.js"
import * as Life from "./Life.js"
import * as Observer from "./Observer.js"
import * as Outside from "./Outside.js"
import type * as RecordedCalls from "./RecordedCalls.js"

/** The run cannot be executed, such as where the layer of the executor fails or the run is refused. */
export class NotExecuted extends Data.TaggedError("NotExecuted")<{ readonly message: string }> {}

/** What is executed in each history. `startsAt`: the time of the test, in milliseconds since the epoch. */
export interface Subject {
  readonly plane: Layer.Layer<ProjectPorts, unknown>
  readonly executors: Layer.Layer<Executor, unknown>
  readonly submit: Effect.Effect<unknown, unknown, Runs>
  readonly answers: Readonly<Record<string, unknown>>
  readonly calls: RecordedCalls.RecordedCalls
  readonly startsAt: number
}

/**
 * `crash`: the place of the death. `places`: how many the first worker came to. `stuck`: why the run does not end; `run` is as it was
 * then.
 */
export interface History extends Pick<
  Observer.Observer,
  "attempts" | "calls" | "reads" | "ends" | "uncertain"
> {
  readonly crash: string | undefined
  readonly places: number
  readonly run: Run
  readonly stuck: string | undefined
}

/** The same in each history, as are the ids of its children and the idempotency keys of its steps. */
const runId = Ids.NewRunId.make(Ids.RunId.make("crash-test"))

/** Longer than the lease of a worker. */
const untilLapsed = 61_000

/** So often the time may pass while the run does nothing and its code does not sleep: 25 minutes, and 6 seconds of the machine. */
const mostJumps = 100

/** So often it may pass while the code sleeps again and again, and does nothing else. */
const mostSleeps = 20_000

/** What a worker or its code waits for in milliseconds, which comes in its order. */
const shortSleep = 500

/** A worker renews its lease of a minute each 20 seconds. */
const longJump = 15_000

/** So long a call may take, in milliseconds or longer. */
const mostMillis = 120_000

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const millisecond = Effect.async<void>((resume) => {
  setTimeout(() => resume(Effect.void), 1)
})

/** What keeps the process busy besides timers, by its kinds, such as files and sockets. */
const resources = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((kind) => kind !== "Immediate" && kind !== "Timeout")

const hasMore = (before: ReadonlyArray<string>): boolean => {
  const left = [...before]
  return resources().some((kind) => {
    const index = left.indexOf(kind)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

/** The answer to a question by its id, or by its name, or to a call by the name of its tool. */
const answerTo = (
  { id, toolCallId, toolName }: Interrupt,
  answers: Subject["answers"],
): Option.Option<unknown> => {
  const round = id.replace(/~\d+$/, "")
  const names = [id, round, round.replace(/:[0-9a-f]{8}$/, ""), toolCallId, toolName]
  const name = names.find((one) => one !== undefined && Object.hasOwn(answers, one))
  return name === undefined ? Option.none() : Option.some(answers[name])
}

const describe = (run: Run | undefined): string => {
  if (run === undefined) return "It neither ends nor does anything more"
  const questions = run.waiting?.interrupts ?? []
  if (questions.length > 0) {
    const [{ id, message } = { id: "", message: "" }] = questions
    return `It waits for an answer to ${JSON.stringify(id)}${message === undefined ? "" : `: ${message}`}`
  }
  if (run.status === "pending") return `No executor takes the run of agent ${run.agentId}`
  return run.status === "waiting"
    ? "It waits for something that does not come, such as a message"
    : "It neither ends nor does anything more"
}

/**
 * `crashAt`: the number of the place where the first worker dies. `jumps`: how often the time may pass while the run does nothing, `mostJumps` when
 * absent. `order`: see `Order`.
 */
export interface Conditions {
  readonly crashAt?: number | undefined
  readonly jumps?: number | undefined
  readonly order?: Observer.Order | undefined
}

/** Executes the run once. */
export const play = (
  subject: Subject,
  { crashAt, jumps: most = mostJumps, order }: Conditions = {},
): Effect.Effect<History, NotExecuted> =>
  Effect.gen(function* () {
    const clock = yield* JumpClock.make
    yield* clock.setWall(subject.startsAt)
    const activity = new Life.Activity()
    const observer = Observer.make(order)
    const scheduler = activity.scheduler(() => false)
    // The ids of the worker are not the agent's.
    const { randomUUID } = globalThis.crypto
    const scope = yield* Effect.scope
    let life: Life.Life | undefined
    let isBuilt = false
    let failed: string | undefined
    let places = 0
    let crash: string | undefined

    const outside = yield* Outside.replace({
      clock,
      observer,
      calls: subject.calls.begin(),
      lifeNow: () => life,
    })

    // The control plane, and the workers.

    const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.withClock(Effect.withScheduler(effect, scheduler), clock)
    const plane = yield* Effect.mapError(
      inTime(Layer.build(subject.plane)),
      (error) => new NotExecuted({ message: String(error) }),
    )
    const runs = Context.get(plane, Runs)
    const named: typeof runs = { ...runs, submit: (run) => runs.submit({ ...run, publicId: runId }) }
    yield* Effect.mapError(
      inTime(Effect.provideService(subject.submit, Runs, named)),
      (error) => new NotExecuted({ message: error instanceof Error ? error.message : String(error) }),
    )
    // The layers of both workers go with the history. What a dead worker has left in them may keep them from their end.
    const built = yield* Effect.acquireRelease(Scope.make(), (all) =>
      Effect.ignore(Effect.timeout(detached(Scope.close(all, Exit.void)), "2 seconds")),
    )

    const begin = (number: number, isLast: (place: string) => boolean) =>
      Effect.gen(function* () {
        const own = Life.make(number, activity, isLast)
        life = own
        isBuilt = false
        const ports = Life.mortalPorts(plane, own, { scheduler, scope }, (...write) =>
          observer.wrote(own, ...write),
        )
        const working = ReplacedClients.build(subject.executors, outside.intercept(own)).pipe(
          Scope.extend(built),
          Effect.withScheduler(scheduler),
          Effect.flatMap((executors) => {
            isBuilt = true
            return Worker.make({
              workerKey: `worker ${number}`,
              leaseDuration: "60 seconds",
              concurrency: 100,
            }).pipe(
              Effect.zipRight(Life.forever),
              Effect.scoped,
              Effect.provide(Context.merge(ports, observer.executors(executors, own))),
              Effect.withScheduler(own.scheduler),
            )
          }),
          Effect.catchAllCause((cause) =>
            Effect.sync(() => {
              failed = Cause.pretty(cause)
            }),
          ),
          Effect.provideService(Ids.RandomUuid, () => randomUUID.call(globalThis.crypto)),
          Effect.withClock(outside.clock),
          Logger.withMinimumLogLevel(LogLevel.None),
        )
        // A process that is killed has no finalizers, so nothing interrupts the fiber.
        yield* Effect.forkDaemon(working)
      })
    yield* begin(0, (place) => {
      places += 1
      if (places - 1 !== crashAt) return false
      crash = place
      return true
    })

    // Time, and the world that answers.

    const history = (run: Run, stuck?: string): History => {
      life?.die()
      const { attempts, calls, ends, reads, uncertain } = observer
      return { attempts, calls, ends, reads, uncertain, crash, places, run, stuck }
    }
    const root = Effect.orDie(inTime(runs.get(runId)))
    const openRuns = Effect.suspend(() =>
      Effect.forEach(new Set([runId, ...observer.attempts.map(({ run }) => run.runId)]), runs.get),
    ).pipe(
      Effect.map((all) => all.filter(({ status }) => !isTerminal(status))),
      inTime,
      Effect.orDie,
    )

    /** Answers the questions of a run. Returns why that is not possible. */
    const answer = (run: Run, interrupts: Interrupts): Effect.Effect<string | undefined> => {
      const answers = Arr.map(interrupts, (one) => ({ id: one.id, payload: answerTo(one, subject.answers) }))
      if (answers.some(({ payload }) => Option.isNone(payload))) return Effect.succeed(describe(run))
      const resumed = runs.resume(
        run.runId,
        Arr.map(answers, ({ id, payload }) => ({
          interruptId: id,
          status: "resolved" as const,
          payload: Option.getOrUndefined(payload),
        })),
      )
      return Effect.match(inTime(resumed), {
        onFailure: ({ message }) => `The answer is refused: ${message}`,
        onSuccess: () => undefined,
      })
    }

    /** Lets the time pass until something is due. */
    const passTime = (open: ReadonlyArray<Run>): Effect.Effect<void> =>
      Effect.flatMap(clock.untilNext, (next = 1000) => {
        const due = open.flatMap(({ availableAt, status, waiting }) =>
          status === "waiting"
            ? (waiting?.wakesAt?.epochMillis ?? [])
            : status === "pending"
              ? availableAt.epochMillis
              : [],
        )
        const now = clock.unsafeCurrentTimeMillis()
        const isWorking = open.some(({ status }) => status === "running")
        // A store looks each second at what is due. That it does so later changes nothing.
        const idle = next < shortSleep ? next : Math.min(longJump, (observer.sleepsUntil() ?? Infinity) - now)
        return clock.jump(
          isWorking || due.length === 0 ? Math.max(idle, next) : Math.max(next, Math.min(...due) - now),
        )
      })

    const before = resources()
    let count = -1
    let observed = -1
    let idle = 0
    let jumps = 0
    let sleeps = 0
    let calledFor = 0
    for (;;) {
      const isCalled = outside.isCalled()
      yield* isCalled || idle > 3 ? millisecond : turn
      if (failed !== undefined) return yield* new NotExecuted({ message: failed })
      calledFor = isCalled ? calledFor + 1 : 0
      if (calledFor > mostMillis) return history(yield* root, "A call has no answer")
      idle = isCalled || activity.count !== count ? 0 : idle + 1
      count = activity.count
      if (idle < 3 + (jumps > 30 ? 80 : hasMore(before) ? 50 : 0)) continue

      idle = 0
      if (observer.count() !== observed) jumps = sleeps = 0
      else if (observer.sleepsUntil() !== undefined) sleeps += 1
      else jumps += 1
      observed = observer.count()
      if (!isBuilt) {
        if (jumps > most)
          return yield* new NotExecuted({ message: "The layer of the executor does not come to its end" })
        yield* passTime([])
        continue
      }
      const open = yield* openRuns
      if (open.length === 0) return history(yield* root)
      if (life?.isDead() === true) {
        // The next worker claims after the lapse: of a lease that is older than its claim a worker makes nothing.
        yield* clock.jump(untilLapsed)
        yield* begin(1, () => false)
        continue
      }
      if (jumps > most || sleeps > mostSleeps) {
        return history(yield* root, describe(open.find(({ status }) => status !== "waiting") ?? open[0]))
      }
      const asking = open.find(({ waiting }) => (waiting?.interrupts ?? []).length > 0)
      const interrupts = asking?.waiting?.interrupts ?? []
      if (asking === undefined || !Arr.isNonEmptyReadonlyArray(interrupts)) yield* passTime(open)
      else {
        const problem = yield* answer(asking, interrupts)
        if (problem !== undefined) return history(yield* root, problem)
      }
    }
  }).pipe(Effect.scoped)
