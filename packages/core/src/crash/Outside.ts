/** The outside of the workers in one execution of a crash test: calls, which are recorded, and the time. */
import {
  Cause,
  Context,
  type Clock,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  Option,
  type Scope,
} from "effect"
import * as ReplacedClients from "../rehearsal/ReplacedClients.js"
import * as GlobalSources from "./GlobalSources.js"
import type * as Life from "./Life.js"
import type * as Observer from "./Observer.js"
import * as RecordedCalls from "./RecordedCalls.js"
import * as SourcePlace from "./SourcePlace.js"

export interface Outside {
  /** What takes the place of a request of an `HttpClient` of that worker. */
  readonly intercept: (life: Life.Life) => ReplacedClients.Intercept

  /** Whether a call has no answer yet. */
  readonly isCalled: () => boolean

  /** The time of the test, whose reads are observed. */
  readonly clock: Clock.Clock
}

const contextNow = (): Context.Context<never> | undefined =>
  Option.getOrUndefined(
    Option.map(Fiber.getCurrentFiber(), (fiber) => fiber.getFiberRef(FiberRef.currentContext)),
  )

/** A client sends the request, so the client or the `fetch` behind it does not record it too. */
class Sending extends Context.Tag("@runlease/core/crash/Sending")<Sending, true>() {}

const isSending = (context: Context.Context<never> | undefined): boolean =>
  context !== undefined && Option.isSome(Context.getOption(context, Sending))

/** A promise of a dead worker. */
const forever = (): Promise<never> => new Promise(() => {})

/** Replaces the outside until the Scope closes. `lifeNow`: that of the worker that works now. */
export const replace = (options: {
  readonly clock: Clock.Clock
  readonly observer: Observer.Observer
  readonly calls: RecordedCalls.OfExecution
  readonly lifeNow: () => Life.Life | undefined
}): Effect.Effect<Outside, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { calls, clock, lifeNow, observer } = options
    let open = 0
    const counted = async <A>(promise: Promise<A>): Promise<A> => {
      open += 1
      try {
        return await promise
      } finally {
        open -= 1
      }
    }
    const callerOf = yield* SourcePlace.reading
    yield* GlobalSources.replace(
      () => clock.unsafeCurrentTimeMillis(),
      callerOf,
      (what, at) => observer.read(what, at, contextNow()),
    )
    yield* ReplacedClients.replaceFetch(async (request, send) => {
      const context = contextNow()
      const life = lifeNow()
      if (life === undefined || isSending(context)) return counted(send())
      if (life.isDead()) return forever()
      const { place, what } = observer.called(request, life, context)
      const recorded = calls.take(request, place.id)
      recorded.fetched ??= await counted(RecordedCalls.fetched(send()))
      const answer = recorded.fetched
      // Another request may have another answer.
      if (answer.isAborted) recorded.fetched = undefined
      return life.diesAt(`after ${what}`) ? forever() : answer.again()
    })
    return {
      isCalled: () => open > 0,
      clock: {
        ...clock,
        sleep: (duration) =>
          Effect.suspend(() =>
            observer.sleeping(
              clock.sleep(duration),
              clock.unsafeCurrentTimeMillis() + Duration.toMillis(duration),
            ),
          ),
        currentTimeMillis: Effect.contextWithEffect((context: Context.Context<never>) => {
          observer.read("The clock", undefined, context)
          return clock.currentTimeMillis
        }),
      },
      intercept: (life) => (request, send) =>
        Effect.contextWithEffect((context: Context.Context<unknown>) => {
          const ofFiber = context as Context.Context<never>
          if (isSending(ofFiber)) return send
          const { place, what } = observer.called(request, life, ofFiber)
          const recorded = calls.take(request, place.id)
          const answer = Effect.suspend(() => {
            if (recorded.exit !== undefined) return recorded.exit
            open += 1
            return Effect.provideService(send, Sending, true).pipe(
              Effect.map(RecordedCalls.rereadable),
              Effect.onExit((exit) =>
                Effect.sync(() => {
                  open -= 1
                  if (Exit.isSuccess(exit) || !Cause.isInterrupted(exit.cause)) recorded.exit = exit
                }),
              ),
            )
          })
          return Effect.ensuring(answer, life.at(`after ${what}`))
        }),
    }
  })
