/**
 * Making executors from functions, and combining them.
 *
 * An executor is a function from a claimed run to a stream of events, so a combinator is a function from
 * one to another.
 *
 * @since 0.1.0
 */
import { Chunk, Context, Duration, Effect, Layer, Predicate, Ref, Schema, Stream, Tracer } from "effect"
import * as AgentEvent from "./AgentEvent.js"
import { Claims } from "./Claims.js"
import type { ProjectPorts } from "./ControlPlane.js"
import { Conversations } from "./Conversations.js"
import { AwaitAnswers, type Execute, Executor, ExecutorError, type ExecutorFailure } from "./Executor.js"
import { Leases } from "./Leases.js"
import * as LogState from "./LogState.js"
import type { ClaimedRun } from "./Run.js"
import { RunLog } from "./RunLog.js"
import { Runs } from "./Runs.js"
import { WorkerRegistry } from "./WorkerRegistry.js"

/** What a function may give for a run: some text, some events, or nothing. */
export type Output = string | AgentEvent.AgentEvent | ReadonlyArray<AgentEvent.AgentEvent> | void

/** An executor that still needs services, beside the ports that come with the run. */
export interface ExecuteWith<out R> {
  (run: ClaimedRun): Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure, R>
}

/**
 * The id of the message that this execution writes: the run's own at its first claim, another at each later one,
 * whether an attempt failed, was handed back or waited before it, so that their halves are not read as one message.
 */
export const messageIdOf = (run: ClaimedRun): string => {
  const claim = run.leaseEpoch ?? run.attempt ?? 1
  return claim <= 1 ? run.messageId : `${run.messageId}-${claim}`
}

const isAlike = Schema.is(
  Schema.Union(Schema.Struct(ExecutorError.fields), Schema.Struct(AwaitAnswers.fields)),
)

/** By what it is, not by its class: a module that a program loads may have its own copy of these classes. */
const isFailure = (error: unknown): error is ExecutorFailure => isAlike(error)

/** Any error as an executor's failure: its `_tag` or name is the code, and it is not retryable. */
export const toFailure = (error: unknown): ExecutorFailure => {
  if (isFailure(error)) return error
  const tag = Predicate.hasProperty(error, "_tag") ? error._tag : undefined
  const message =
    Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""
      ? error.message
      : String(error)
  return new ExecutorError({
    code: typeof tag === "string" ? tag : error instanceof Error ? error.name : "executor_error",
    message,
    cause: error,
  })
}

/** Deltas and events as events: runs of strings become one assistant message, closed before an event. */
const makeText = (run: ClaimedRun) => {
  const base = messageIdOf(run)
  let count = 0
  let open: string | undefined

  const close = (): ReadonlyArray<AgentEvent.AgentEvent> => {
    const events = open === undefined ? [] : [AgentEvent.textEnd(open)]
    open = undefined
    return events
  }
  const eventsOf = (output: string | AgentEvent.AgentEvent): ReadonlyArray<AgentEvent.AgentEvent> => {
    if (typeof output !== "string") return [...close(), output]
    if (output === "") return []
    if (open !== undefined) return [AgentEvent.textContent(open, output)]
    open = count === 0 ? base : `${base}.${count}`
    count += 1
    return [AgentEvent.textStart(open), AgentEvent.textContent(open, output)]
  }
  return { eventsOf, close }
}

const ofStream = <E, R>(
  run: ClaimedRun,
  stream: Stream.Stream<string | AgentEvent.AgentEvent, E, R>,
): Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure, R> => {
  const text = makeText(run)
  return stream.pipe(
    Stream.mapChunks(Chunk.flatMap((output) => Chunk.unsafeFromArray([...text.eventsOf(output)]))),
    Stream.concat(Stream.suspend(() => Stream.fromIterable(text.close()))),
    Stream.mapError(toFailure),
  )
}

/** All events at once, so that they can go into the log with the outcome. */
const ofEffect = <E, R>(
  run: ClaimedRun,
  effect: Effect.Effect<Output, E, R>,
): Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure, R> =>
  Stream.unwrap(
    Effect.mapBoth(effect, {
      onFailure: toFailure,
      onSuccess: (output) => {
        const text = makeText(run)
        const events = outputs(output).flatMap(text.eventsOf)
        return Stream.fromChunk(Chunk.unsafeFromArray([...events, ...text.close()]))
      },
    }),
  )

const outputs = (output: Output): ReadonlyArray<string | AgentEvent.AgentEvent> => {
  if (output === undefined) return []
  if (typeof output === "string") return [output]
  return Array.isArray(output) ? output : [output as AgentEvent.AgentEvent]
}

/**
 * An executor from a function that returns an Effect or a Stream. Strings are text of the assistant's message;
 * events pass as they are. Errors of any type become an `ExecutorError` (see `toFailure`).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make =
  <E, R>(
    f: (run: ClaimedRun) => Effect.Effect<Output, E, R> | Stream.Stream<string | AgentEvent.AgentEvent, E, R>,
  ): ExecuteWith<R> =>
  (run) =>
    Stream.suspend(() => {
      const result = f(run)
      return Effect.isEffect(result) ? ofEffect(run, result) : ofStream(run, result)
    })

/**
 * The layer of an executor made from a function. The services that the function needs are the layer's, except the ports
 * of the control plane, which come with the run.
 *
 * ```ts
 * Executors.layer((run) => Effect.succeed(`You said: ${RequestSnapshot.lastUserText(run.snapshot)}`))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(
  f: (run: ClaimedRun) => Effect.Effect<Output, E, R> | Stream.Stream<string | AgentEvent.AgentEvent, E, R>,
): Layer.Layer<Executor, never, Exclude<R, ProjectPorts>> => layerWith(make(f))

/** What a run brings itself is not taken from the place where the layer was built. */
const withoutRunContext = Context.omit(
  Claims,
  Conversations,
  Leases,
  RunLog,
  Runs,
  WorkerRegistry,
  Tracer.ParentSpan,
)

/**
 * The layer of an executor that is made or combined already.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = <R>(
  execute: ExecuteWith<R>,
): Layer.Layer<Executor, never, Exclude<R, ProjectPorts>> =>
  Layer.effect(
    Executor,
    Effect.map(Effect.context<Exclude<R, ProjectPorts>>(), (context) => {
      const services = withoutRunContext(context)
      return {
        execute: (run: ClaimedRun) =>
          Stream.mapInputContext(
            execute(run),
            (ofRun: Context.Context<ProjectPorts>) => Context.merge(ofRun, services) as Context.Context<R>,
          ),
      }
    }),
  )

/**
 * Chooses by the run's agent id. A run of an agent that is not there fails with code `unknown_agent`; a worker that
 * claims only `Object.keys(routes)` never gets one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const route =
  <R>(routes: Readonly<Record<string, ExecuteWith<R>>>): ExecuteWith<R> =>
  (run) =>
    Object.hasOwn(routes, run.agentId)
      ? routes[run.agentId]!(run)
      : Stream.fail(
          new ExecutorError({
            code: "unknown_agent",
            message: `This worker has no executor for agent ${run.agentId}; it has ${Object.keys(routes).join(", ")}`,
          }),
        )

/**
 * Fails the run with code `executor_timeout` when the whole of it takes longer than `duration`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const timeout =
  (duration: Duration.DurationInput) =>
  <R>(execute: ExecuteWith<R>): ExecuteWith<R> =>
  (run) =>
    Stream.interruptWhen(
      execute(run),
      Effect.delay(
        Effect.fail(
          new ExecutorError({
            code: "executor_timeout",
            message: `The executor did not end within ${Duration.format(duration)}`,
          }),
        ),
        duration,
      ),
    )

/**
 * Says which failures are retryable, and after how long by the number of the attempt that failed (1 is the
 * first). Waiting for answers is not a failure and passes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry =
  (policy: {
    readonly while?: ((error: ExecutorError) => boolean) | undefined
    readonly delay?: ((attempt: number) => Duration.DurationInput) | undefined
  }) =>
  <R>(execute: ExecuteWith<R>): ExecuteWith<R> =>
  (run) =>
    Stream.mapError(execute(run), (failure) => {
      if (failure._tag === "AwaitAnswers") return failure
      const retryable = policy.while?.(failure) ?? true
      return new ExecutorError({
        ...failure,
        message: failure.message,
        retryable,
        ...(retryable && policy.delay !== undefined
          ? { retryAfter: Duration.decode(policy.delay(run.attempt ?? 1)) }
          : {}),
      })
    })

/**
 * Goes on with `other` where this one fails, in the same attempt. What the first left open is closed, and a CUSTOM
 * event `runlease.fallback` tells its code and message.
 *
 * @since 0.1.0
 * @category combinators
 */
export const fallback =
  <R2>(other: ExecuteWith<R2>) =>
  <R>(execute: ExecuteWith<R>): ExecuteWith<R | R2> =>
  (run) =>
    Stream.unwrap(
      Effect.map(Ref.make(LogState.initial), (state) =>
        execute(run).pipe(
          Stream.tap((event) => Ref.update(state, (before) => LogState.next(before, event))),
          Stream.catchTag("ExecutorError", (error) =>
            Stream.unwrap(
              Effect.map(Ref.get(state), (before) =>
                Stream.fromIterable([
                  ...LogState.closings(before),
                  AgentEvent.custom("runlease.fallback", { code: error.code, message: error.message }),
                ]).pipe(Stream.concat(other(run))),
              ),
            ),
          ),
        ),
      ),
    )

/**
 * Lets at most `permits` runs into the executor at once; the others wait, under their lease.
 *
 * @since 0.1.0
 * @category combinators
 */
export const limit =
  (permits: number) =>
  <R>(execute: ExecuteWith<R>): Effect.Effect<ExecuteWith<R>> =>
    Effect.map(
      Effect.makeSemaphore(permits),
      (semaphore): ExecuteWith<R> =>
        (run) =>
          Stream.acquireRelease(semaphore.take(1), () => semaphore.release(1)).pipe(
            Stream.flatMap(() => execute(run)),
          ),
    )

/** The executor of the context as a function, for combining. */
export const current: Effect.Effect<Execute, never, Executor> = Effect.map(
  Executor,
  (service) => service.execute,
)
