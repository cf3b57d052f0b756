/** Steps that the suites share: register a worker, submit and claim a run, read its log, and wait for a state. */
import { effect } from "@effect/vitest"
import type { LogEvent } from "@runlease/core/AgentEvent"
import { type ClaimRequest, Claims } from "@runlease/core/Claims"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import type { Suspension } from "@runlease/core/Leases"
import { type ClaimedRun, EventId, type LeaseRef, type Run } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { DateTime, Duration, Effect, Fiber, type Layer, Option, type Scope, TestClock } from "effect"

/** Declares one test whose body uses the services `R`. */
export interface Test<R> {
  <A, E>(title: string, body: Effect.Effect<A, E, R | Scope.Scope>): void
}

/**
 * Declares tests under the TestClock. Each test builds its own control plane from `layer`.
 *
 * It uses `effect` of `@effect/vitest` and not `it.effect`, which each use of `layer` of that package replaces by its own.
 */
export const tester =
  <R, E>(layer: Layer.Layer<R, E>): Test<R> =>
  (title, body) =>
    effect(title, () => body.pipe(Effect.scoped, Effect.provide(layer)))

/** The duration of the leases that `claim` requests. */
export const leaseDuration: Duration.DurationInput = "30 seconds"

/** The instant so long from now. */
export const after = (duration: Duration.DurationInput) =>
  Effect.map(DateTime.now, (now) => DateTime.toUtc(DateTime.addDuration(now, duration)))

/** Registers a worker and returns its id. */
export const register = (workerKey = "worker-1", implementationKind = "test") =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry
    const worker = yield* registry.register({ implementationKind, workerKey })
    return worker.id
  })

/** A submission for agent `agent`. */
export const submission = (input: Partial<SubmissionInput> = {}): SubmissionInput => ({
  agentId: "agent",
  ...input,
})

/** Submits a run and returns it. */
export const submit = (input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { run } = yield* runs.submit(submission(input))
    return run
  })

/** Claims up to `limit` runs, by default one. */
export const claim = (workerId: Ids.WorkerId, options: Partial<ClaimRequest> = {}) =>
  Effect.gen(function* () {
    const claims = yield* Claims
    return yield* claims.claim({ workerId, limit: 1, leaseDuration, ...options })
  })

/** Claims the next run, and dies when there is none. */
export const claimOne = (workerId: Ids.WorkerId, options: Partial<ClaimRequest> = {}) =>
  Effect.flatMap(claim(workerId, options), ([first]) =>
    first === undefined ? Effect.dieMessage("No run was runnable") : Effect.succeed(first),
  )

/** Submits a run and claims it. */
export const hold = (workerId: Ids.WorkerId, input: Partial<SubmissionInput> = {}) =>
  Effect.zipRight(submit(input), claimOne(workerId))

export const leaseOf = (claimed: ClaimedRun): LeaseRef => ({
  runId: claimed.runId,
  workerId: Ids.WorkerId.make(claimed.leaseOwner ?? ""),
  epoch: claimed.leaseEpoch,
})

/** Appends at the end of the log, as the holder. */
export const append = (claimed: ClaimedRun, events: ReadonlyArray<LogEvent>) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    return yield* log.append({ runId: claimed.runId, events, fence: leaseOf(claimed) })
  })

/** Completes the run, as the holder. */
export const complete = (claimed: ClaimedRun) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    return yield* runs.complete(claimed.runId, { status: "completed" }, leaseOf(claimed))
  })

/** A suspension that waits for the result of one tool call. */
export const forToolCall = (
  toolCallId = "call",
  toolName = "ask",
  expiresAfter?: Duration.DurationInput,
): Suspension => ({ interrupts: [Interrupt.ofToolCall(toolCallId, toolName)], expiresAfter })

/** The result of a tool call as the only answer of a resume. */
export const resultOf = (toolCallId: string, result: unknown, isError?: boolean): Interrupt.Answers => [
  Interrupt.toolResult(toolCallId, result, isError),
]

export const getRun = (runId: Ids.RunId): Effect.Effect<Run, unknown, Runs> =>
  Effect.flatMap(Runs, (runs) => runs.get(runId))

/** The events of a run's log after `after`. */
export const eventsOf = (runId: Ids.RunId, after = 0) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const entries = yield* log.read({ runId, after: EventId.make(after), limit: 1000 })
    return entries.map((entry) => entry.event)
  })

/** The types of the events of a run's log after `after`. */
export const typesOf = (runId: Ids.RunId, after = 0) =>
  Effect.map(eventsOf(runId, after), (events) => events.map((event) => event.type))

/** The type of the outcome in a RUN_FINISHED, when the event is one. */
export const outcomeOf = (event: LogEvent | undefined): string | undefined =>
  event?.type === "RUN_FINISHED" ? (event["outcome"] as { readonly type: string }).type : undefined

/** The tag of the error of `effect`, or `Succeeded`. */
export const verdictOf = <A, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onSuccess: () => "Succeeded", onFailure: (error) => error._tag })

/** Waits one turn of the event loop, in which stores gather commits, and sockets and timers run. */
export const turn = Effect.async<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

/** Calls the control plane a few times, so that fibers forked before reach their wait. */
export const settle = Effect.gen(function* () {
  const runs = yield* Runs
  yield* Effect.repeatN(Effect.zipRight(turn, runs.list({ limit: 1 })), 9)
})

/** Forks `effect` in the Scope of the test and leaves it time to reach its wait. */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<Fiber.RuntimeFiber<A, E>, unknown, R | Runs | Scope.Scope> =>
  Effect.zipLeft(Effect.forkScoped(effect), settle)

/** Advances the TestClock in steps of a second until the fiber is done. */
export const joinAdvancing = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<A, unknown, Runs> =>
  Effect.gen(function* () {
    for (let round = 0; round < 120; round++) {
      if (Option.isSome(yield* Fiber.poll(fiber))) return yield* Fiber.join(fiber)
      yield* TestClock.adjust("1 second")
      yield* settle
    }
    return yield* Effect.dieMessage("The fiber is still waiting after two minutes of test time")
  })

/**
 * Repeats `look` every `step` of test time until `predicate` accepts its value, and dies after `within`.
 *
 * Units: `step` is a second and `within` two minutes of test time when absent.
 */
export const eventually = <A, E, R>(
  look: Effect.Effect<A, E, R>,
  predicate: (value: A) => boolean,
  options: {
    readonly within?: Duration.DurationInput | undefined
    readonly step?: Duration.DurationInput | undefined
  } = {},
): Effect.Effect<A, unknown, R | Runs> =>
  Effect.gen(function* () {
    const step = Duration.decode(options.step ?? "1 second")
    const within = Duration.decode(options.within ?? "2 minutes")
    const rounds = Math.ceil(Duration.toMillis(within) / Duration.toMillis(step))
    for (let round = 0; round < rounds; round++) {
      const value = yield* look
      if (predicate(value)) return value
      yield* TestClock.adjust(step)
      yield* settle
    }
    return yield* Effect.dieMessage(
      `The awaited state did not occur within ${Duration.format(within)} of test time`,
    )
  })

/** Waits, within a few milliseconds of test time, until the run has failed. */
export const untilFailed = (runId: Ids.RunId) =>
  Effect.zipRight(
    settle,
    eventually(getRun(runId), (run) => run.status === "failed", {
      step: "1 millis",
      within: "100 millis",
    }),
  )

/** Lets the leases of `claim` lapse. */
export const lapse = TestClock.adjust(leaseDuration)
