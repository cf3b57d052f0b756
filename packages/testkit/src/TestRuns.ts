/**
 * Small steps that the suites share: a worker, a run, a claim, a look at the log, and waiting for a state.
 *
 * @since 0.1.0
 */
import { it } from "@effect/vitest"
import type { LogEvent } from "@runlease/core/AgentEvent"
import { type ClaimRequest, Claims } from "@runlease/core/Claims"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import type { Suspension } from "@runlease/core/Leases"
import { type ClaimedRun, EventId, type LeaseRef, type Run } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Duration, Effect, Fiber, type Layer, Option, type Scope, TestClock } from "effect"

/**
 * Declares one test whose body uses the services `R`.
 *
 * @since 0.1.0
 * @category running
 */
export interface Test<R> {
  <A, E>(title: string, body: Effect.Effect<A, E, R | Scope.Scope>): void
}

/**
 * Declares tests under the TestClock. Each test builds a control plane of its own from `layer`.
 *
 * @since 0.1.0
 * @category running
 */
export const tester =
  <R, E>(layer: Layer.Layer<R, E>): Test<R> =>
  (title, body) =>
    it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(layer)))

/** How long the leases of `claim` last. */
export const leaseDuration: Duration.DurationInput = "30 seconds"

/** Registers a worker and gives its id. */
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

/** Submits a run and gives it. */
export const submit = (input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { run } = yield* runs.submit(submission(input))
    return run
  })

/** Claims, by default one run. */
export const claim = (workerId: Ids.WorkerId, options: Partial<ClaimRequest> = {}) =>
  Effect.gen(function* () {
    const claims = yield* Claims
    return yield* claims.claim({ workerId, limit: 1, leaseDuration, ...options })
  })

/** Claims the next run, which must be there. */
export const claimOne = (workerId: Ids.WorkerId, options: Partial<ClaimRequest> = {}) =>
  Effect.flatMap(claim(workerId, options), ([first]) =>
    first === undefined ? Effect.dieMessage("No run was runnable") : Effect.succeed(first),
  )

/** Submits a run and claims it. */
export const hold = (workerId: Ids.WorkerId, input: Partial<SubmissionInput> = {}) =>
  Effect.zipRight(submit(input), claimOne(workerId))

/** The lease that a claim gave. */
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

/** Ends the run as completed, as the holder. */
export const complete = (claimed: ClaimedRun) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    return yield* runs.complete(claimed.runId, { status: "completed" }, leaseOf(claimed))
  })

/** A suspension for the result of a tool call. */
export const forToolCall = (
  toolCallId = "call",
  toolName = "ask",
  expiresAfter?: Duration.DurationInput,
): Suspension => ({ interrupts: [Interrupt.ofToolCall(toolCallId, toolName)], expiresAfter })

/** The result of a tool call, as all the answers that are given. */
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

/** What became of `effect`: the tag of its error, or `Succeeded`. */
export const verdictOf = <A, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onSuccess: () => "Succeeded", onFailure: (error) => error._tag })

/** A few exchanges with the control plane, so that what was forked before reaches its wait. */
export const settle = Effect.gen(function* () {
  const runs = yield* Runs
  yield* Effect.repeatN(Effect.zipRight(Effect.yieldNow(), runs.list({ limit: 1 })), 9)
})

/** Forks `effect` in the Scope of the test and lets it reach its wait. */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<Fiber.RuntimeFiber<A, E>, unknown, R | Runs | Scope.Scope> =>
  Effect.zipLeft(Effect.forkScoped(effect), settle)

/** Moves time on in steps of a second until the fiber is done. */
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
 * Looks again and again, a `step` of test time apart, until `predicate` says yes, or dies once `within` has passed.
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
      `The state awaited did not come within ${Duration.format(within)} of test time`,
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

/** Lets the leases that `claim` gave lapse. */
export const lapse = TestClock.adjust(leaseDuration)
