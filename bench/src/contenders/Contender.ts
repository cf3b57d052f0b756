/** What takes part in the comparison: each in a process of its own, so that none suffers from another's heap. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, type Scope } from "effect"
import * as Child from "../Child.js"

/** The concurrency that every worker is given. */
export const concurrency = 24

export interface Streams {
  readonly runs: number
  readonly deltas: number
}

/** What a contender is asked to do. Times are in milliseconds. */
export type Questions = {
  /** Puts so many no-op runs in. */
  readonly fill: { readonly asked: number; readonly answer: null }
  /** Works through so many of them until the last is durably done; how many a second. */
  readonly drain: { readonly asked: number; readonly answer: number }
  /** So many, one after another: from the acknowledgement of a submission until an idle worker has started it. */
  readonly pickUps: { readonly asked: number; readonly answer: ReadonlyArray<number> }
  /** So many claims of one run each; how long each took. */
  readonly claims: { readonly asked: number; readonly answer: ReadonlyArray<number> }
  /** Runs that stream small deltas, all at once; how many events a second are in their logs. */
  readonly stream: { readonly asked: Streams; readonly answer: number }
}

/** Only what it takes part in. */
export type Abilities = {
  readonly [K in keyof Questions]?: (
    asked: Questions[K]["asked"],
  ) => Effect.Effect<Questions[K]["answer"], unknown>
}

export type Contender = Child.Child<null, Questions>

/** In the parent: starts a program of this folder. */
export const start = (program: string, options: unknown): Effect.Effect<Contender, never, Scope.Scope> =>
  Child.start<null, Questions>(`contenders/${program}.ts`, options)

/** In the child: takes part. */
export const main = <Options>(
  make: (options: Options) => Effect.Effect<Abilities, unknown, Scope.Scope>,
): void =>
  Effect.suspend(() => make(Child.options<Options>())).pipe(
    Effect.flatMap((abilities) => Child.answer<Questions>(null, abilities as Required<Abilities>)),
    Effect.scoped,
    NodeRuntime.runMain,
  )
