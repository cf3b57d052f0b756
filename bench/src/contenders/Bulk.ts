/** Systems that cancel a whole backlog, each in a process of its own, and the claims of another queue meanwhile. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Fiber, type Scope } from "effect"
import * as Child from "../Child.js"
import * as Rounds from "../Rounds.js"

/** A store, or the URL of an empty database. */
export interface Options<Store> {
  readonly store: Store
}

export interface System {
  /** Adds so many jobs that nothing takes. */
  readonly fill: (count: number) => Effect.Effect<unknown, unknown>
  /** Cancels all of them by what finds them, and waits until they are. */
  readonly cancelAll: Effect.Effect<unknown, unknown>
  /** Submits a job of another queue, claims it and ends it: the milliseconds of the claim. Null for a system without claims. */
  readonly claim: Effect.Effect<number, unknown> | null
}

/** Times are in milliseconds. */
export interface Beside {
  readonly cancelled: number
  readonly claims: ReadonlyArray<number>
}

export type Calls = {
  readonly fill: { readonly input: number; readonly output: null }
  readonly cancel: { readonly input: null; readonly output: number }
  /** Makes such claims for so many seconds. */
  readonly claims: { readonly input: number; readonly output: ReadonlyArray<number> }
  /** Cancels all while such claims are made. */
  readonly cancelBeside: { readonly input: null; readonly output: Beside }
}

export type Contender = Child.Child<null, Calls>

/** How long an effect takes, in milliseconds. */
export const timed = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    const before = yield* Rounds.now
    yield* effect
    return (yield* Rounds.now) - before
  })

/** In the child: serves the calls. */
export const main = <Store>(
  make: (options: Options<Store>) => Effect.Effect<System, unknown, Scope.Scope>,
): void =>
  Effect.suspend(() => make(Child.options<Options<Store>>())).pipe(
    Effect.flatMap(({ cancelAll, claim, fill }) => {
      const claiming = (times: Array<number>) =>
        claim === null
          ? Effect.never
          : Effect.forever(
              Effect.zipRight(
                Effect.map(claim, (time) => times.push(time)),
                Effect.sleep("2 millis"),
              ),
            )
      return Child.serve<Calls>(null, {
        fill: (count) => Effect.as(fill(count), null),
        cancel: () => timed(cancelAll),
        claims: (seconds) =>
          Effect.suspend(() => {
            const times: Array<number> = []
            return Effect.as(Effect.timeoutOption(claiming(times), `${seconds} seconds`), times)
          }),
        cancelBeside: () =>
          Effect.gen(function* () {
            const claims: Array<number> = []
            const worker = yield* Effect.fork(claiming(claims))
            yield* Effect.yieldNow()
            const cancelled = yield* timed(cancelAll)
            const during = [...claims]
            yield* Fiber.interrupt(worker)
            return { cancelled, claims: during }
          }),
      })
    }),
    Effect.scoped,
    NodeRuntime.runMain,
  )
