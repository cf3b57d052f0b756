/**
 * What a function gives for a run, as the events of an executor.
 *
 * @since 0.1.0
 */
import {
  Chunk,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Mailbox,
  Predicate,
  Runtime,
  Schema,
  Scope,
  Stream,
} from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import { Emit } from "./Emit.js"
import { AwaitAnswers, ExecutorError, type ExecutorFailure } from "./ExecutorError.js"
import type { ClaimedRun } from "../model/Run.js"

/** What a function may give for a run: some text, some events, or nothing. */
export type Output = string | AgentEvent.AgentEvent | ReadonlyArray<AgentEvent.AgentEvent> | void

/**
 * What a function may return for a run: an Effect, which may emit while it works (see `Emit`), a Stream, or an async
 * iterable such as an async generator's.
 *
 * @since 0.1.0
 * @category models
 */
export type Source<E = unknown, R = unknown> =
  | Effect.Effect<Output, E, R>
  | Stream.Stream<string | AgentEvent.AgentEvent, E, R>
  | AsyncIterable<string | AgentEvent.AgentEvent>

/**
 * The id of the message that this execution writes: the run's own at its first claim, another at each later one,
 * whether an attempt failed, was handed back or waited before it, so that their halves are not read as one message.
 */
export const messageIdOf = (run: ClaimedRun): string => {
  const claim = run.leaseEpoch ?? run.attempt
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

/** How much emitted output may wait for the stream to be pulled. */
const emitCapacity = 16

type Events = Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure>

/** All events of an output at once, so that they can go into the log with the outcome. */
const ofOutput = (run: ClaimedRun, output: Output): Events => {
  const text = makeText(run)
  const events = outputs(output).flatMap(text.eventsOf)
  return Stream.fromChunk(Chunk.unsafeFromArray([...events, ...text.close()]))
}

type Emitted = Mailbox.Mailbox<string | AgentEvent.AgentEvent, ExecutorFailure>

/**
 * What the Effect emits, and then its output. Its fiber starts at once, and a mailbox and a Scope are made when something
 * is emitted: an Effect that emits nothing pays for no more than a fiber.
 */
const ofEffect = <E, R>(
  run: ClaimedRun,
  effect: Effect.Effect<Output, E, R>,
): Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure, Exclude<R, Emit>> =>
  Stream.unwrap(
    Effect.flatMap(Effect.runtime<Exclude<R, Emit>>(), (runtime) => {
      const events = Deferred.unsafeMake<Events, ExecutorFailure>(FiberId.none)
      // Nothing is emitted before the stream that interrupts the fiber at its end has begun.
      const attached = Effect.unsafeMakeLatch(false)
      let mailbox: Emitted | undefined
      let last: Output

      const emitted = (made: Emitted): Events =>
        Stream.unwrapScopedWith((scope) =>
          Effect.as(
            Effect.zipRight(Scope.addFinalizer(scope, Fiber.interrupt(fiber)), attached.open),
            ofStream(
              run,
              Stream.concat(
                Mailbox.toStream(made),
                Stream.suspend(() => Stream.fromIterable(outputs(last))),
              ),
            ),
          ),
        )
      const opened = Effect.flatMap(
        Mailbox.make<string | AgentEvent.AgentEvent, ExecutorFailure>(emitCapacity),
        (made) => {
          // Another fiber of the Effect may have been first.
          mailbox ??= made
          Deferred.unsafeDone(events, Exit.succeed(emitted(mailbox)))
          return Effect.as(attached.await, mailbox)
        },
      )
      const emit = (output: string | AgentEvent.AgentEvent): Effect.Effect<void> =>
        Effect.flatMap(mailbox === undefined ? opened : Effect.as(attached.await, mailbox), (open) =>
          open.offer(output),
        )

      const fiber = Runtime.runFork(
        runtime,
        Effect.provideService(effect, Emit, { emit: (output) => Effect.suspend(() => emit(output)) }),
      )
      const settle = (exit: Exit.Exit<Output, unknown>): Exit.Exit<Events, ExecutorFailure> =>
        Exit.mapBoth(exit, { onFailure: toFailure, onSuccess: (output) => ofOutput(run, output) })
      const done = fiber.unsafePoll()
      if (done !== null && mailbox === undefined) return settle(done)
      fiber.addObserver((exit) => {
        if (mailbox === undefined) return Deferred.unsafeDone(events, settle(exit))
        if (Exit.isSuccess(exit)) last = exit.value
        mailbox.unsafeDone(Exit.mapBoth(exit, { onFailure: toFailure, onSuccess: () => {} }))
      })
      return Effect.onInterrupt(Deferred.await(events), () => Fiber.interrupt(fiber))
    }),
  )

const outputs = (output: Output): ReadonlyArray<string | AgentEvent.AgentEvent> => {
  if (output === undefined) return []
  if (typeof output === "string") return [output]
  return Array.isArray(output) ? output : [output as AgentEvent.AgentEvent]
}

const isStream = <E, R>(
  source: Source<E, R>,
): source is Stream.Stream<string | AgentEvent.AgentEvent, E, R> =>
  Predicate.hasProperty(source, Stream.StreamTypeId)

/** The events of a run, whose errors are failures of an executor. */
export const events = <E, R>(
  run: ClaimedRun,
  source: Source<E, R>,
): Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure, Exclude<R, Emit> | R> => {
  if (Effect.isEffect(source)) return ofEffect(run, source)
  return ofStream(run, isStream(source) ? source : Stream.fromAsyncIterable(source, (error) => error))
}
