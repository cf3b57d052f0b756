/**
 * Runs the body of a step, and records what it gives.
 *
 * @since 0.1.0
 */
import { Cause, Context, Effect, Either, Option } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as OpenedItems from "../model/OpenedItems.js"
import { Emit, observed } from "./Emit.js"
import type { StepError } from "./StepError.js"
import { type Codecs, type IssuedEvents, notIssued, recordOf, type AttemptStep } from "./StepRecording.js"
import { CurrentStep, currentStep } from "./CurrentStep.js"

/** `shown`: whether the log says when the step begins and ends. */
export interface Options<A, E> extends Codecs<A, E> {
  readonly atMostOnce: boolean
  readonly shown: boolean
}

/** The body of a step, whose result is recorded, or its failure where that has a schema. */
export const recorded = <A, E, R>(
  taken: AttemptStep,
  body: Effect.Effect<A, E, R>,
  options: Options<A, E>,
): Effect.Effect<A, E | StepError, Exclude<R, CurrentStep> | Emit> =>
  // Each provision of services costs a region of its own, so there is one.
  Effect.contextWithEffect((context: Context.Context<Exclude<R, CurrentStep> | Emit>) => {
    const { atMostOnce, shown } = options
    const outer = Context.get(context, Emit)
    const opened = OpenedItems.make()
    const finished = shown ? [AgentEvent.stepFinished(taken.shownAs)] : []
    const end = <B, E2>(
      { committed, events }: IssuedEvents,
      given: Effect.Effect<B, E2>,
    ): Effect.Effect<B, E2> =>
      Effect.zipRight(outer.emit([...finished, ...events]), Effect.zipRight(committed, given))
    const inside = context.pipe(
      Context.add(CurrentStep, currentStep(taken, atMostOnce)),
      Context.add(
        Emit,
        observed(outer, (events) => events.forEach(opened.observe)),
      ),
    )
    const working = Effect.mapInputContext<A, E, R, Exclude<R, CurrentStep> | Emit>(
      body,
      () => inside as Context.Context<R>,
    )
    return Effect.matchCauseEffect(
      shown ? Effect.zipRight(outer.emit(AgentEvent.stepStarted(taken.shownAs)), working) : working,
      {
        onSuccess: (value) =>
          Effect.flatMap(recordOf(taken, Either.right(value), options, opened), ({ given, issued }) =>
            end(issued, given),
          ),
        onFailure: (cause): Effect.Effect<never, E | StepError> =>
          Option.match(Cause.failureOption(cause), {
            onNone: () => end(notIssued, Effect.failCause(cause)),
            onSome: (error) =>
              Effect.flatMap(recordOf(taken, Either.left(error), options, opened), ({ given, issued }) =>
                end(
                  issued,
                  issued !== notIssued && Either.isLeft(given)
                    ? Effect.fail(given.left)
                    : Effect.failCause(cause),
                ),
              ),
          }),
      },
    )
  })
