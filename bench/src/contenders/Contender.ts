/** The systems that are compared. Each runs in its own process, so their heaps do not affect each other. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, type Scope } from "effect"
import * as Child from "../Child.js"

/** The concurrency of every worker. */
export const concurrency = 24

export interface Streams {
  readonly runs: number
  readonly deltas: number
}

/** The calls of a contender. Times are in milliseconds. */
export type Calls = {
  /** Adds so many no-op runs. */
  readonly fill: { readonly input: number; readonly output: null }
  /** Executes so many runs until the last is durably done; returns runs per second. */
  readonly drain: { readonly input: number; readonly output: number }
  /** Submits so many runs one after another; the times from each acknowledgement to its start by an idle worker. */
  readonly pickUps: { readonly input: number; readonly output: ReadonlyArray<number> }
  /** Makes so many claims of one run each; the time of each. */
  readonly claims: { readonly input: number; readonly output: ReadonlyArray<number> }
  /** Executes runs that stream small deltas concurrently; returns logged events per second. */
  readonly stream: { readonly input: Streams; readonly output: number }
}

/** The calls that a contender supports. */
export type Abilities = {
  readonly [K in keyof Calls]?: (input: Calls[K]["input"]) => Effect.Effect<Calls[K]["output"], unknown>
}

export type Contender = Child.Child<null, Calls>

/** In the parent: starts a program of this folder. */
export const start = (program: string, options: unknown): Effect.Effect<Contender, never, Scope.Scope> =>
  Child.start<null, Calls>(`contenders/${program}.ts`, options)

/** In the child: serves the calls. */
export const main = <Options>(
  make: (options: Options) => Effect.Effect<Abilities, unknown, Scope.Scope>,
): void =>
  Effect.suspend(() => make(Child.options<Options>())).pipe(
    Effect.flatMap((abilities) => Child.serve<Calls>(null, abilities as Required<Abilities>)),
    Effect.scoped,
    NodeRuntime.runMain,
  )
