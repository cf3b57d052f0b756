/** The systems that are compared. Each runs in its own process, so their heaps do not affect each other. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, type Scope } from "effect"
import * as Child from "../Child.js"

export interface Streams {
  readonly runs: number
  /** Small events of each run. */
  readonly events: number
}

/** Milliseconds from the call of a submission to its acknowledgement, and to the start of its run. */
export interface PickUp {
  readonly acknowledged: number
  readonly started: number
}

export interface Steps {
  /** How many runs are executed at once. */
  readonly runs: number
  /** Steps of each run, one after another. */
  readonly steps: number
}

/** Steps per second, and the milliseconds from the call of a step to its durable result. */
export interface StepRates {
  readonly rate: number
  readonly p50: number
  readonly p99: number
  /** Appends to the log for each step. Null for a contender without a log. */
  readonly appends: number | null
}

/** Runs that share some keys, each of which has the limit `perKey`. */
export interface Keyed {
  readonly runs: number
  readonly keys: number
}

/** How many runs of a key may work at once. */
export const perKey = 2

/** The times of claims of one run each, and of the ends of these runs. */
export interface Limited {
  readonly claimed: ReadonlyArray<number>
  readonly ended: ReadonlyArray<number>
}

/** Runs of one key, and then one run of each of so many other keys. */
export interface Backlog {
  readonly runs: number
  readonly others: number
}

/** The calls of a contender. Times are in milliseconds. */
export type Calls = {
  /** Adds so many no-op runs. */
  readonly fill: { readonly input: number; readonly output: null }
  /** Executes so many runs until the last is durably done; returns runs per second. */
  readonly drain: { readonly input: number; readonly output: number }
  /** Submits so many runs one after another to an idle worker. */
  readonly pickUps: { readonly input: number; readonly output: ReadonlyArray<PickUp> }
  /** Starts its idle workers for good; else those of `pickUps` last as long as it. */
  readonly attend: { readonly input: null; readonly output: null }
  /** Makes so many claims of one run each; the time of each. */
  readonly claims: { readonly input: number; readonly output: ReadonlyArray<number> }
  /** Adds so many runs that share keys with limits. */
  readonly fillKeys: { readonly input: Keyed; readonly output: null }
  /** Claims one of those after another, so many, and ends each before the next. */
  readonly limited: { readonly input: number; readonly output: Limited }
  /** Submits a backlog, and starts runs until the others have started: the place of the last of these among all starts. */
  readonly places: { readonly input: Backlog; readonly output: number }
  /** Executes all added runs concurrently, each of which streams; returns logged events per second. */
  readonly stream: { readonly input: Streams; readonly output: number }
  /** Executes runs of steps at once, for which `fill` has prepared. */
  readonly steps: { readonly input: Steps; readonly output: StepRates }
}

/** The calls that a contender supports. */
export type Abilities = {
  readonly [K in keyof Calls]?: (input: Calls[K]["input"]) => Effect.Effect<Calls[K]["output"], unknown>
}

export type Contender = Child.Child<null, Calls>

/** In the parent: starts a program of this folder, with the packages of `checkout` where that is given. */
export const start = (
  program: string,
  options: unknown,
  checkout?: string,
): Effect.Effect<Contender, never, Scope.Scope> =>
  Child.start<null, Calls>(`contenders/${program}.ts`, options, checkout)

/** In the parent: starts a program of the folder `peers`. */
export const startPeer = (program: string, options: unknown): Effect.Effect<Contender, never, Scope.Scope> =>
  Child.start<null, Calls>(`../peers/${program}.ts`, options)

/** In the child: serves the calls. */
export const main = <Options>(
  make: (options: Options) => Effect.Effect<Abilities, unknown, Scope.Scope>,
): void =>
  Effect.suspend(() => make(Child.options<Options>())).pipe(
    Effect.flatMap((abilities) => Child.serve<Calls>(null, abilities as Required<Abilities>)),
    Effect.scoped,
    NodeRuntime.runMain,
  )
