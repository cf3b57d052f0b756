/**
 * Executors: from a claimed run to a Stream of events, or to an Effect that emits them.
 *
 * `from` and `layerFrom` take a function. An executor is itself a function of a claimed run, so a combinator, such as
 * `timeout`, is a function from one executor to another.
 */
import { Context, Duration, Effect, Layer, Option, Ref, Stream, Tracer } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as LogState from "../model/LogState.js"
import type { ClaimedRun } from "../model/Run.js"
import { Claims } from "../ports/Claims.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Conversations } from "../ports/Conversations.js"
import { Leases } from "../ports/Leases.js"
import { RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import { WorkerRegistry } from "../ports/WorkerRegistry.js"
import { Emit } from "./Emit.js"
import * as Executions from "./Execution.js"
import type { ExecuteWith, Execution, RunContext } from "./Execution.js"
import { ExecutorError, type ExecutorFailure } from "./ExecutorError.js"
import { ofStream, type Source, toFailure } from "./ExecutorOutput.js"
import { StepLog } from "./StepLog.js"

// Functions from one executor to another. An executor is a function of a claimed run.

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

export {
  AwaitAnswers,
  awaitAnswers,
  awaitToolResult,
  ExecutorError,
  type ExecutorFailure,
  retryableError,
} from "./ExecutorError.js"

export type { ExecuteWith, Execution, RunContext } from "./Execution.js"

export { messageIdOf, type Output, type Source, toFailure } from "./ExecutorOutput.js"

/**
 * What an executor does with a run. It returns a Stream of events, or an Effect that emits them (see `Execution`).
 *
 * The end of the Stream or the success of the Effect completes the run. An `ExecutorError` fails it or hands it back. It is
 * interrupted when the lease is lost, the run is cancelled, or the worker drains; finalizers get a bounded grace. A
 * Stream runs in a Scope of the run's own and is pulled only as fast as the log takes it; `Emit` waits in the same way.
 * RUN_STARTED is not needed; a RUN_FINISHED or RUN_ERROR ends the run as it says.
 *
 * The ports of the run's project are in its context: the worker provides them with the run. A Layer of an executor
 * therefore needs no store.
 *
 * Source: docs/decisions/0027-a-run-carries-its-ports.md, docs/decisions/0047-executors-that-are-effects.md
 */
export interface Execute {
  (run: ClaimedRun): Execution<ProjectPorts>
}

/** The service that a worker calls for each run that it claims. */
export class Executor extends Context.Tag("@runlease/core/Executor")<
  Executor,
  {
    readonly execute: Execute
    /** The agent whose runs it executes; absent where it executes those of any agent. */
    readonly agent?: { readonly name: string; readonly form?: object | undefined } | undefined
  }
>() {}

/** The services that a source needs, without `Emit` and `StepLog`, which come with the run. */
export type Needs<S> =
  S extends Effect.Effect<infer _A, infer _E, infer R>
    ? Exclude<R, Emit | StepLog>
    : S extends Stream.Stream<infer _A, infer _E, infer R>
      ? R
      : never

/**
 * An executor from a function that returns an Effect, a Stream or an async iterable. Strings are text of the assistant's
 * message; events pass as they are. Errors of any type become an `ExecutorError` (see `toFailure`).
 */
export const from =
  <S extends Source>(f: (run: ClaimedRun) => S): ExecuteWith<Needs<S>> =>
  (run) => {
    const source = f(run) as Source<unknown, Needs<S>>
    if (Effect.isEffect(source)) return Effect.mapError(source, toFailure)
    // An async iterable can be read once, so a Stream that runs again gets another from the function.
    let unread: typeof source | undefined = source
    return Stream.suspend(() => {
      const next = unread ?? (f(run) as typeof source)
      unread = undefined
      return ofStream(next)
    })
  }

/**
 * The layer of an executor made from a function. The services that the function needs are the layer's, except the ports
 * of the control plane, which come with the run.
 *
 * ```ts
 * Executor.layerFrom((run) => Effect.succeed(`Your message: ${RequestSnapshot.lastUserText(run.snapshot)}`))
 * ```
 */
export const layerFrom = <S extends Source>(
  f: (run: ClaimedRun) => S,
): Layer.Layer<Executor, never, Exclude<Needs<S>, RunContext>> => layerWith(from(f))

/** The services that come with each run. The place where the layer is built may have others of the same tags. */
const withoutRunContext = Context.omit(
  Claims,
  Conversations,
  Emit,
  Leases,
  RunLog,
  Runs,
  StepLog,
  WorkerRegistry,
  Tracer.ParentSpan,
)

const serviceOf = <R>(execute: ExecuteWith<R>) =>
  Effect.map(Effect.context<Exclude<R, RunContext>>(), (context): Executor["Type"] => {
    const services = withoutRunContext(context)
    return { execute: (run: ClaimedRun) => Executions.provide<R>(execute(run), services) }
  })

/** The layer of an executor that is made or combined already. */
export const layerWith = <R>(execute: ExecuteWith<R>): Layer.Layer<Executor, never, Exclude<R, RunContext>> =>
  Layer.effect(Executor, serviceOf(execute))

/** The executor as a function to a Stream, for a program that executes a run without a worker. */
export const toStream =
  <R>(execute: ExecuteWith<R>) =>
  (run: ClaimedRun): Stream.Stream<AgentEvent.LogEvent, ExecutorFailure, R> =>
    Executions.toStream(run, execute(run))

/**
 * The service of an executor in a context: of one agent, which its key names, or of all others.
 *
 * Source: docs/decisions/0098-typed-agents.md
 */
const ofAgent = (name: string) => Context.GenericTag<Executor, Executor["Type"]>(`${Executor.key}/${name}`)

/**
 * The layer of an executor of one agent alone. It combines with those of other agents, and with one for all others.
 *
 * `form` is the JSON Schema of the agent's payload.
 */
export const layerAgent = <R>(
  agent: { readonly name: string; readonly form?: object | undefined },
  execute: ExecuteWith<R>,
): Layer.Layer<Executor, never, Exclude<R, RunContext>> =>
  Layer.effect(
    ofAgent(agent.name),
    Effect.map(serviceOf(execute), (service) => ({ ...service, agent })),
  )

/**
 * The executors of a context as one. `agents`: those that have an executor of their own. `isOpen`: whether one executes runs of any
 * other agent.
 */
export interface Executors {
  readonly execute: Execute
  readonly agents: ReadonlyArray<{ readonly name: string; readonly form?: object | undefined }>
  readonly isOpen: boolean
}

const prefix = `${Executor.key}/`

/** The executors of the context: that of all runs, and those of single agents, which go first. */
export const all: Effect.Effect<Executors, never, Executor> = Effect.contextWith(
  (context: Context.Context<Executor>) => {
    const own = new Map<string, Executor["Type"]>()
    for (const [key, service] of context.unsafeMap as Map<string, Executor["Type"]>) {
      if (key.startsWith(prefix)) own.set(key.slice(prefix.length), service)
    }
    const others = Context.getOption(context, Executor)
    const routes = Object.fromEntries(Array.from(own, ([name, { execute }]) => [name, execute]))
    const execute: Execute = own.size === 0 ? Option.getOrThrow(others).execute : route(routes, others)
    return { execute, isOpen: Option.isSome(others), agents: Array.from(own.values(), ({ agent }) => agent!) }
  },
)

/** The executors of the context as one function, for the combinators. */
export const current: Effect.Effect<Execute, never, Executor> = Effect.map(all, ({ execute }) => execute)
