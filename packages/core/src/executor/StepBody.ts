/** Runs the body of a step, and records its result. */
import { Cause, Context, Effect, Either, Option } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as OpenedItems from "../model/OpenedItems.js"
import { Emit, observed } from "./Emit.js"
import type { StepError } from "./StepError.js"
import { type Codecs, type IssuedEvents, notIssued, recordOf, type AttemptStep } from "./StepRecording.js"
import * as StepFailure from "./StepFailure.js"
import { CurrentStep, currentStep } from "./CurrentStep.js"

/** `shown`: whether the log says when the step begins and ends. */
export interface Options<A, E> extends Codecs<A, E> {
  readonly atMostOnce: boolean
  readonly shown: boolean
}

/** The body of a step, whose result is recorded, or its failure where that has a schema. */
export const recorded = <A, E, R>(
  step: AttemptStep,
  body: Effect.Effect<A, E, R>,
  options: Options<A, E>,
): Effect.Effect<A, E | StepError, Exclude<R, CurrentStep> | Emit> =>
  // Each provision of services costs a separate region, so there is one.
  Effect.contextWithEffect((context: Context.Context<Exclude<R, CurrentStep> | Emit>) => {
    const { atMostOnce, shown } = options
    const outer = Context.get(context, Emit)
    const opened = OpenedItems.make()
    const end = <B, E2>(
      { committed, events }: IssuedEvents,
      returned: Effect.Effect<B, E2>,
      error?: AgentEvent.StepFailure,
    ): Effect.Effect<B, E2> => {
      const finished = !shown
        ? []
        : error === undefined
          ? [AgentEvent.stepFinished(step.shownAs)]
          : [AgentEvent.stepFailed(step.shownAs, error)]
      return Effect.zipRight(outer.emit([...finished, ...events]), Effect.zipRight(committed, returned))
    }
    const fail = <E2>(
      cause: Cause.Cause<E2>,
      issued = notIssued,
      returned: Effect.Effect<never, E2> = Effect.failCause(cause),
    ): Effect.Effect<never, E2> =>
      Effect.flatMap(StepFailure.of(cause), (error) => end(issued, returned, error))
    const record = (outcome: Either.Either<A, E>) =>
      Effect.catchAllCause(recordOf(step, outcome, options, opened), (cause) => fail(cause))
    const inside = context.pipe(
      Context.add(CurrentStep, currentStep(step, atMostOnce)),
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
      shown ? Effect.zipRight(outer.emit(AgentEvent.stepStarted(step.shownAs)), working) : working,
      {
        onSuccess: (value) =>
          Effect.flatMap(record(Either.right(value)), ({ returned, issued }) => end(issued, returned)),
        onFailure: (cause): Effect.Effect<never, E | StepError> =>
          Option.match(Cause.failureOption(cause), {
            onNone: () => fail(cause),
            onSome: (error) =>
              Effect.flatMap(record(Either.left(error)), ({ returned, issued }) =>
                issued !== notIssued && Either.isLeft(returned)
                  ? fail(cause, issued, Effect.fail(returned.left))
                  : fail(cause, issued),
              ),
          }),
      },
    )
  })
