/**
 * What a simulation does, as data: the workers, the requests, and the faults. A plan has the same history each time, so a part of it
 * can be left out to see whether the history is still wrong.
 *
 * Units: milliseconds. Instants count from the beginning of the simulation, by the store's clock.
 */
import type { LimitSubject } from "@runlease/core/Limits"
import type { PausedClock } from "./Process.js"

/**
 * What an executor does, one after the other. A `name` is unique in its script.
 *
 * - `Emit`: its own events, which each attempt emits again.
 * - `Work`: takes time, outside of a step.
 * - `Step`: a step with an effect, which takes time. `Once`: one whose effect happens at most once.
 * - `Sleep`, `Take`, `Ask`: waits for a time, for a message, for an answer.
 * - `Drain`: takes the messages that there are.
 * - `Spawn`: a child with its own script. `Join`: waits for all of the children spawned before, `JoinFirst` for the first of them.
 * - `Spend`: reports what it used. `Check`: waits while the budget is spent.
 * - `Together`: scripts that are executed at once.
 * - `Fail`: fails in its first executions. `Poison`: kills its worker in them.
 * - `Result`: ends the run with a result.
 */
export type Operation =
  | { readonly _tag: "Emit"; readonly count: number }
  | { readonly _tag: "Work"; readonly millis: number }
  | { readonly _tag: "Step" | "Once" | "Sleep"; readonly name: string; readonly millis: number }
  | { readonly _tag: "Take" | "Ask" | "Drain" | "Join" | "JoinFirst"; readonly name: string }
  | {
      readonly _tag: "Spawn"
      readonly name: string
      readonly script: Script
      readonly maxAttempts: number
    }
  | { readonly _tag: "Spend"; readonly cost: number }
  | { readonly _tag: "Check" | "Result" }
  | { readonly _tag: "Together"; readonly scripts: ReadonlyArray<Script> }
  | { readonly _tag: "Fail"; readonly times: number; readonly retryable: boolean }
  | { readonly _tag: "Poison"; readonly times: number }

export type Script = ReadonlyArray<Operation>

/**
 * The limits that a run is under: that of its agent, that of its concurrency key, which it sets to `maxRunning`, and those with names, by their keys.
 * `fairnessKey`: the one that it takes turns under.
 */
export interface PlannedUnder {
  readonly agent: string
  readonly key: string | undefined
  readonly maxRunning: number
  readonly named: Readonly<Record<string, string>>
  readonly priority: number
  readonly fairnessKey: string | undefined
}

/**
 * What a client changes of a limit: how many runs it lets in, or that it is paused for a time. Of a limit with a name, the first is of all its keys.
 */
export type LimitChange = { readonly subject: LimitSubject; readonly at: number } & (
  | { readonly _tag: "Set"; readonly maxRunning: number }
  | { readonly _tag: "Pause"; readonly millis: number }
)

/**
 * A run that a client submits. `conversation` is the name of the one that it shares with others. `repeats`: how much later a client
 * submits it again, each time. `budget`: what its tree may cost before it requests more.
 */
export interface PlannedRun {
  readonly name: string
  readonly at: number
  readonly script: Script
  readonly maxAttempts: number
  readonly conversation: string | undefined
  readonly multitask: "enqueue" | "steer" | "interrupt" | "latest" | "reject"
  readonly repeats: ReadonlyArray<number>
  readonly budget: number | undefined
  /** None when absent. */
  readonly under?: PlannedUnder | undefined
}

/**
 * A schedule that a client declares at `at`, and again so much later, each time. Its ticks are from `first` on, each `every` after the one
 * before, `ticks` in all. Instants are by the wall clock of the store, which agrees with its other clock until it is set.
 */
export interface PlannedSchedule {
  readonly name: string
  readonly at: number
  readonly repeats: ReadonlyArray<number>
  readonly first: number
  readonly every: number
  readonly ticks: number
  readonly policy: "Allow" | "Forbid" | "Replace" | "Queue"
  readonly missed: "skip" | "once" | "all"
  readonly script: Script
}

/** What a client does to a run that was submitted: it cancels it, or sends it a message under a key. */
export type Action =
  | { readonly _tag: "Cancel"; readonly run: string; readonly at: number }
  | { readonly _tag: "Tell"; readonly run: string; readonly at: number; readonly key: string }

/** A worker. `drift` is how much faster its clock goes than the store's, as a part of 1. */
export interface PlannedWorker {
  readonly name: string
  readonly slots: number
  readonly drift: number
}

/**
 * What happens to one request.
 *
 * - `LoseRequest`, `LoseAnswer`: it never arrives, and the sender hears nothing.
 * - `DelayRequest`, `DelayAnswer`: it takes longer than others, which may overtake it.
 * - `Repeat`: the request arrives twice, the second time so much later.
 * - `FailBefore`, `FailAfter`: the store fails before or after it has committed, and says so.
 */
export type MessageFault =
  | { readonly _tag: "LoseRequest" | "LoseAnswer" | "FailBefore" | "FailAfter" }
  | { readonly _tag: "DelayRequest" | "DelayAnswer" | "Repeat"; readonly millis: number }

/**
 * What goes wrong.
 *
 * - `Message`: something happens to the request number `nth` (from 1) of that operation that `link` sends.
 * - `Partition`: what `link` sends, or what it is answered, is lost for a time.
 * - `Stall`: what `link` sends, or what it is answered, arrives when the time is over, in any order.
 * - `Freeze`: the store does nothing for a time, while its clock continues.
 * - `Pause`: a worker does nothing for a time.
 * - `Crash`: a worker dies, and comes back under its key. `silent`: the store does not notice that its connections are gone.
 * - `Shutdown`: a worker drains, and comes back so much later.
 * - `Clock`: the wall clock of the store is wrong by `ahead` for a time, and its other clock is not.
 */
export type Fault =
  | {
      readonly _tag: "Message"
      readonly link: string
      readonly operation: string
      readonly nth: number
      readonly fault: MessageFault
    }
  | {
      readonly _tag: "Partition"
      readonly link: string
      readonly at: number
      readonly millis: number
      readonly loses: "requests" | "answers" | "both"
    }
  | {
      readonly _tag: "Stall"
      readonly link: string
      readonly at: number
      readonly millis: number
      readonly delays: "requests" | "answers" | "both"
    }
  | {
      readonly _tag: "Pause"
      readonly worker: string
      readonly at: number
      readonly millis: number
      readonly clock: PausedClock
    }
  | {
      readonly _tag: "Crash"
      readonly worker: string
      readonly at: number
      readonly millis: number
      readonly silent: boolean
    }
  | { readonly _tag: "Shutdown"; readonly worker: string; readonly at: number; readonly millis: number }
  | { readonly _tag: "Freeze"; readonly at: number; readonly millis: number }
  | { readonly _tag: "Clock"; readonly at: number; readonly millis: number; readonly ahead: number }

/**
 * `latency`: the longest that a message takes. `attendants`: clients that answer the questions of runs, and send runs what they wait for; each
 * has its own answers. `calmAt`: when all faults are over.
 */
export interface Plan {
  readonly seed: number
  readonly lease: number
  readonly latency: number
  readonly workers: ReadonlyArray<PlannedWorker>
  readonly runs: ReadonlyArray<PlannedRun>
  readonly schedules: ReadonlyArray<PlannedSchedule>
  readonly limits: ReadonlyArray<LimitChange>
  readonly actions: ReadonlyArray<Action>
  readonly attendants: number
  readonly faults: ReadonlyArray<Fault>
  readonly calmAt: number
}
