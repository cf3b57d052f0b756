/**
 * A simulated world: a store, workers and clients, each in its own process, with a network between them. It does what a plan says and
 * returns the history of that.
 */
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import type { InvalidCursor } from "@runlease/core/Page"
import { type EventId, isTerminal, type Run, type RunNotFound } from "@runlease/core/Run"
import { type LogEntry, maxReadLimit, RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import * as RememberedLeases from "@runlease/store/RememberedLeases"
import { Cause, Effect, Exit, identity, Layer, Scope } from "effect"
import * as Clients from "./Clients.js"
import * as Facts from "./Facts.js"
import type { Final, History } from "./History.js"
import * as Limits from "./Limits.js"
import * as Network from "./Network.js"
import type { Plan, Script } from "./Plan.js"
import * as Prng from "./Prng.js"
import * as Process from "./Process.js"
import * as Recorder from "./Recorder.js"
import * as Schedules from "./Schedules.js"
import { byName } from "./ScriptExecutor.js"
import type { Subject } from "./Subject.js"
import * as VirtualTime from "./VirtualTime.js"
import * as Workers from "./Workers.js"

/** Every run of the project, the newest first. */
export const allRuns: Effect.Effect<ReadonlyArray<Run>, InvalidCursor | ControlPlaneError, Runs> = Effect.gen(
  function* () {
    const runs = yield* Runs
    const found: Array<Run> = []
    let cursor: string | undefined
    do {
      const page = yield* runs.list({ limit: 100, cursor })
      found.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return found
  },
)

const logOf = (runId: Run["runId"]) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const entries: Array<LogEntry> = []
    let after: EventId | undefined
    for (;;) {
      const page = yield* log.read({ runId, after, limit: maxReadLimit })
      if (page.length === 0) return entries
      entries.push(...page)
      after = page.at(-1)!.eventId
    }
  })

/** Every run with its log. */
export const finals: Effect.Effect<
  ReadonlyArray<Final>,
  InvalidCursor | RunNotFound | ControlPlaneError,
  Runs | RunLog
> = Effect.flatMap(allRuns, (runs) =>
  Effect.forEach(runs, (run) => Effect.map(logOf(run.runId), (log) => Facts.finalOf(run, log))),
)

/** How long after the last fault every run must have ended, in milliseconds. */
const settlingTime = 600_000

/** How long the world continues when all runs have ended and the last message has arrived, in milliseconds. */
const afterlife = 200

/** How often the world looks whether all runs have ended. */
const lookEvery = 1_000

const nextTurnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const scriptsOf = (plan: Plan): ((text: string) => Script) => {
  const scripts = byName(plan)
  return (text) => scripts.get(text) ?? []
}

export const play = async <E>(subject: Subject<E>, plan: Plan): Promise<Exit.Exit<History, E>> => {
  // A search plays hundreds of plans, and the process that runs it has other things to answer.
  await nextTurnOfLoop()
  const time = VirtualTime.make()
  const recorder = Recorder.make(time)
  const processes: Array<Process.Process> = []
  const makeProcess = (name: string, rate: number): Process.Process => {
    const process = Process.make({ name, time, rate, prng: Prng.make(Prng.hash(plan.seed, name)) })
    processes.push(process)
    return process
  }
  const store = makeProcess("store", 1)

  /** Continues until `isOver`, or until nothing more can happen. */
  const runUntil = async (isOver: () => boolean): Promise<void> => {
    let turns = -1
    for (;;) {
      if (!time.settle()) return recorder.crashed("the world turns in a circle")
      if (subject.turnsOfLoop && turns !== store.turns()) {
        turns = store.turns()
        await nextTurnOfLoop()
        continue
      }
      if (isOver() || !time.advance()) return
    }
  }
  /** The result of an effect in the store's process. */
  const inStore = async <A, E2>(effect: Effect.Effect<A, E2>): Promise<Exit.Exit<A, E2>> => {
    let exit: Exit.Exit<A, E2> | undefined
    store.fork(effect).addObserver((ended) => {
      exit = ended
    })
    await runUntil(() => exit !== undefined)
    return exit ?? Exit.die(new Error("The store does not answer"))
  }

  const { leases: remembering = identity, store: lying = Effect.succeed } = subject.fault ?? {}
  const opened = await inStore(
    Effect.flatMap(Scope.make(), (scope) =>
      Layer.buildWithScope(subject.store, scope).pipe(
        Effect.provideService(RememberedLeases.Maker, () => remembering(RememberedLeases.make())),
        Effect.flatMap((ports) => Scope.extend(lying(ports), scope)),
        Effect.map((ports) => ({ ports, scope })),
      ),
    ),
  )
  if (Exit.isFailure(opened)) return Exit.failCause(opened.cause)
  const { ports, scope } = opened.value

  const network = Network.make({
    time,
    store,
    plan,
    died: (operation, cause) => recorder.crashed(`${operation}: ${Cause.pretty(cause)}`),
  })
  const world: Workers.World = {
    makeProcess,
    time,
    plan,
    recorder,
    network,
    ports,
    subject,
    scriptOf: scriptsOf(plan),
  }
  for (const fault of plan.faults) {
    if (fault._tag === "Freeze") {
      time.at(fault.at * 1000, () => store.pause("runs"))
      time.at((fault.at + fault.millis) * 1000, store.resume)
    }
    if (fault._tag === "Clock") {
      time.at(fault.at * 1000, () => store.setWall(fault.ahead))
      time.at((fault.at + fault.millis) * 1000, () => store.setWall(0))
    }
  }
  for (const worker of plan.workers) Workers.make(world, worker)
  const clients = Clients.make(world)

  const until = (millis: number): Promise<void> => {
    time.at(millis * 1000, () => {})
    return runUntil(() => time.now() >= millis * 1000)
  }
  const hasSettled = async (): Promise<boolean> => {
    if (!clients.isDone()) return false
    const schedules = await inStore(Schedules.finals(ports))
    if (Exit.isFailure(schedules) || schedules.value.some(({ isComplete }) => !isComplete)) return false
    const runs = await inStore(Effect.provide(allRuns, ports))
    return Exit.isSuccess(runs) && runs.value.every(({ status }) => isTerminal(status))
  }
  let settled = false
  while (!settled && time.now() < (plan.calmAt + settlingTime) * 1000 && recorder.crashes.length === 0) {
    await until(time.now() / 1000 + lookEvery)
    if (!(await hasSettled())) continue
    // A request that is still under way may be a submission.
    await until(Math.max(time.now(), network.lastArrival()) / 1000 + afterlife)
    settled = await hasSettled()
  }

  const final = await inStore(Effect.provide(finals, ports))
  const schedules = await inStore(Schedules.finals(ports))
  const limits = await inStore(Limits.finals(ports))
  const endedAt = recorder.now()
  if (Exit.isFailure(final)) recorder.crashed(`the runs cannot be read: ${Cause.pretty(final.cause)}`)
  recorder.close()
  await inStore(Scope.close(scope, Exit.void))
  for (const process of processes) process.bury()
  time.settle()
  return Exit.succeed({
    lease: plan.lease,
    slots: Object.fromEntries(plan.workers.map(({ name, slots }) => [name, slots])),
    calls: recorder.calls,
    incidents: recorder.incidents,
    final: Exit.isSuccess(final) ? final.value : [],
    schedules: Exit.isSuccess(schedules) ? schedules.value : [],
    limits: Exit.isSuccess(limits) ? limits.value : [],
    settled,
    endedAt,
    crashes: recorder.crashes,
  })
}
