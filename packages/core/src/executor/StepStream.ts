/**
 * A step that is a part of a Stream: its events go to the log as they come, and its record follows them.
 *
 * @since 0.1.0
 */
import { Effect, Either, Option, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as OpenedItems from "../model/OpenedItems.js"
import { hasReader } from "../ports/Tracing.js"
import type { StepError } from "./StepError.js"
import type { StepLog } from "./StepLog.js"
import * as StepRecording from "./StepRecording.js"
import { CurrentStep, currentStep, type Keyed, spanOf, take } from "./CurrentStep.js"

type Events<E, R> = Stream.Stream<AgentEvent.AgentEvent, E, R>

/**
 * Streams the events of `body`, and records what `result` gives after them. The record names the messages and tool calls that the
 * events have opened. Once it is in the log, the stream goes on with `next`.
 *
 * A later attempt goes on with `next` at once: the events of the body are in the log already. The record is one of the events of
 * the stream, so what runs the stream must not wait for events after it, as `Stream.grouped` does.
 *
 * ```ts
 * Step.stream("draft", model.draft(prompt, text), Ref.get(text), (draft) => publish(draft))
 * ```
 *
 * Fails: as the body, the result and `next` do, and with `StepError`.
 *
 * Units: as `Step.run`.
 *
 * @since 0.1.0
 * @category steps
 */
export const stream = <A, E, R, E2, R2>(
  name: string,
  body: Events<E, R>,
  result: Effect.Effect<A, E, R>,
  next: (value: A) => Events<E2, R2>,
  options: Keyed & StepRecording.Replaying<A, E> = {},
): Events<E | E2 | StepError, Exclude<R, CurrentStep> | R2 | StepLog> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const taken = yield* take(name, options)
      const before = yield* StepRecording.replayed(taken, options)
      if (Option.isSome(before)) return next(before.value)
      const { events, outcome } = recorded(taken, body, result, options)
      const span = hasReader(yield* Effect.tracer) ? spanOf(taken) : undefined
      return Stream.concat(
        span === undefined ? events : inSpan(events, span),
        Stream.suspend((): Events<E | E2, R2> =>
          Either.match(outcome(), { onLeft: Stream.fail, onRight: next }),
        ),
      )
    }),
  )

/** The events in a span of their step. */
const inSpan = <E, R>(events: Events<E, R>, { attributes, name }: ReturnType<typeof spanOf>): Events<E, R> =>
  Stream.withSpan(events, name, { attributes, captureStackTrace: false })

/** The events of a step, with its record at their end, and its outcome once that is in the log. */
const recorded = <A, E, R>(
  taken: StepRecording.AttemptStep,
  body: Events<E, R>,
  result: Effect.Effect<A, E, R>,
  codecs: StepRecording.Codecs<A, E>,
): {
  readonly events: Events<StepError, Exclude<R, CurrentStep>>
  readonly outcome: () => Either.Either<A, E>
} => {
  const { attempt, shownAs } = taken
  const opened = OpenedItems.make()
  let outcome: Either.Either<A, E>

  const working = body.pipe(
    Stream.mapChunks((chunk) => {
      for (const event of chunk) opened.observe(event)
      return chunk
    }),
    Stream.concat(
      Stream.execute(
        Effect.map(result, (value) => {
          outcome = Either.right(value)
        }),
      ),
    ),
    Stream.catchAll((error) => {
      outcome = Either.left(error)
      return Stream.empty
    }),
    Stream.provideService(CurrentStep, currentStep(taken, false)),
  )
  const writing = Stream.unwrap(
    Effect.map(
      Effect.suspend(() => StepRecording.recordOf(taken, outcome, codecs, opened)),
      ({ given, issued: { committed, events } }) => {
        outcome = given
        return Stream.concat(
          Stream.fromIterable([AgentEvent.stepFinished(shownAs), ...events]),
          Stream.execute(committed),
        )
      },
    ),
  )
  const inFlight = Effect.acquireRelease(
    Effect.sync(() => attempt.enter(taken)),
    (leave) => Effect.sync(leave),
  )
  return {
    events: Stream.make(AgentEvent.stepStarted(shownAs)).pipe(
      Stream.concat(working),
      Stream.concat(writing),
      (events) => Stream.unwrapScoped(Effect.as(inFlight, events)),
    ),
    outcome: () => outcome,
  }
}
