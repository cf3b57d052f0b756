/** Functions from one executor to another. An executor is a function of a claimed run. */
import { Duration, Effect, Option, Ref, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as LogState from "../model/LogState.js"
import * as Executions from "./Execution.js"
import type { ExecuteWith } from "./Execution.js"
import { ExecutorError } from "./ExecutorError.js"

/**
 * Chooses by the run's agent id, and else `others`. Where that is absent, a run of an agent that is not there fails with code
 * `unknown_agent`; a worker that claims only `Object.keys(routes)` never gets one.
 */
export const route =
  <R>(
    routes: Readonly<Record<string, ExecuteWith<R>>>,
    others: Option.Option<{ readonly execute: ExecuteWith<R> }> = Option.none(),
  ): ExecuteWith<R> =>
  (run) =>
    Object.hasOwn(routes, run.agentId)
      ? routes[run.agentId]!(run)
      : Option.isSome(others)
        ? others.value.execute(run)
        : Stream.fail(
            new ExecutorError({
              code: "unknown_agent",
              message: `This worker has no executor for agent ${run.agentId}; it has ${Object.keys(routes).join(", ")}`,
            }),
          )

/** Fails the run with code `executor_timeout` when the whole of it takes longer than `duration`. */
export const timeout =
  (duration: Duration.DurationInput) =>
  <R>(execute: ExecuteWith<R>): ExecuteWith<R> => {
    const failure = () =>
      new ExecutorError({
        code: "executor_timeout",
        message: `The executor did not end within ${Duration.format(duration)}`,
      })
    return (run) => {
      const execution = execute(run)
      return Effect.isEffect(execution)
        ? Effect.timeoutFail(execution, { duration, onTimeout: failure })
        : Stream.interruptWhen(execution, Effect.delay(Effect.failSync(failure), duration))
    }
  }

/**
 * Says which failures are retryable, and after how long by the number of the attempt that failed (1 is the
 * first). Waiting for answers is not a failure and passes.
 */
export const retryable =
  (policy: {
    readonly while?: ((error: ExecutorError) => boolean) | undefined
    readonly delay?: ((attempt: number) => Duration.DurationInput) | undefined
  }) =>
  <R>(execute: ExecuteWith<R>): ExecuteWith<R> =>
  (run) =>
    Executions.mapError(execute(run), (failure) => {
      if (failure._tag === "AwaitAnswers") return failure
      const isRetryable = policy.while?.(failure) ?? true
      return new ExecutorError({
        ...failure,
        message: failure.message,
        retryable: isRetryable,
        ...(isRetryable && policy.delay !== undefined
          ? { retryAfter: Duration.decode(policy.delay(run.attempt)) }
          : {}),
      })
    })

/**
 * Continues with `other` where this one fails, in the same attempt. What the first left open is closed, and a CUSTOM
 * event `runlease.fallback` has its code and message.
 */
export const fallback =
  <R2>(other: ExecuteWith<R2>) =>
  <R>(execute: ExecuteWith<R>): ExecuteWith<R | R2> =>
  (run) =>
    Stream.unwrap(
      Effect.map(Ref.make(LogState.initial), (state) =>
        Executions.toStream(run, execute(run)).pipe(
          Stream.tap((event) => Ref.update(state, (before) => LogState.next(before, event))),
          Stream.catchTag("ExecutorError", (error) =>
            Stream.unwrap(
              Effect.map(Ref.get(state), (before) =>
                Stream.fromIterable([
                  ...LogState.closings(before),
                  AgentEvent.reserved("runlease.fallback", { code: error.code, message: error.message }),
                ]).pipe(Stream.concat(Executions.toStream(run, other(run)))),
              ),
            ),
          ),
        ),
      ),
    )

/** Lets at most `permits` runs into the executor at once; the others wait, under their lease. */
export const limit =
  (permits: number) =>
  <R>(execute: ExecuteWith<R>): Effect.Effect<ExecuteWith<R>> =>
    Effect.map(
      Effect.makeSemaphore(permits),
      (semaphore): ExecuteWith<R> =>
        (run) =>
          Stream.acquireRelease(semaphore.take(1), () => semaphore.release(1)).pipe(
            // An executor may begin to work when it is called, so it is called under the permit.
            Stream.flatMap(() => Executions.toStream(run, execute(run))),
          ),
    )
