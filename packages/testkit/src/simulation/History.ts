/**
 * What happened in a simulation: requests and answers, what executors did, and how it ended. It is plain data, so a checker
 * needs nothing else, and a test can write one by hand.
 *
 * Units: instants are milliseconds of the store's clock, with fractions, since the simulation began.
 */
import type { PausedClock } from "./Process.js"

/**
 * The limits of a run, each with how many runs the submission lets work there at once; null where it does not set that. Runs of one `line` go
 * in the order of their submissions.
 */
export interface Under {
  readonly limits: Readonly<Record<string, number | null>>
  readonly line: string
}

/** What a limit counts when all was over. */
export interface FinalLimit {
  readonly limit: string
  readonly running: number
  readonly open: number
  readonly waiting: number
}

/** A request that was refused, or that failed: the tag of its error. `ControlPlaneUnavailable` says that it was not answered. */
export interface Refused {
  readonly refused: string
}

/** An answer, and when it was sent or received. */
export interface Answered<Answer> {
  readonly at: number
  readonly answer: Answer | Refused
}

/**
 * A request to the store. `from` is the process that sent it. `executions`: how the store executed it, once for each copy of it that
 * arrived. `received`: what the sender was answered; absent if it got nothing, or gave up.
 */
export interface Exchange<Name extends string, Request, Answer> {
  readonly call: Name
  readonly from: string
  readonly sentAt: number
  readonly request: Request
  readonly executions: ReadonlyArray<Answered<Answer>>
  readonly received: Answered<Answer> | undefined
}

/** The run and the epoch of a lease, as its sender names them. */
export interface LeaseKey {
  readonly run: string
  readonly epoch: number | null
}

/** An event of a log: its type, and what else it has. */
export interface Event {
  readonly type: string
  readonly [field: string]: unknown
}

/** How a run ends. `result` is JSON. */
export interface Ending {
  readonly status: string
  readonly error?: string | undefined
  readonly result?: string | undefined
}

/** A run as the store reports it. `holder` is the epoch of its lease, if it has one. */
export interface Sighting extends Ending {
  readonly run: string
  readonly holder: number | undefined
}

/** A claimed run. `expiresAt` is the end of its lease. */
export interface Grant {
  readonly run: string
  readonly epoch: number
  readonly attempt: number
  readonly expiresAt: number
}

export type Claim = Exchange<
  "Claim",
  { readonly claimId: string | undefined; readonly limit: number },
  { readonly grants: ReadonlyArray<Grant> }
>

export type Renew = Exchange<
  "Renew",
  { readonly leases: ReadonlyArray<LeaseKey> },
  {
    readonly renewals: ReadonlyArray<
      LeaseKey & {
        readonly verdict: "Renewed" | "Cancelled" | "Lost"
        readonly expiresAt?: number | undefined
      }
    >
  }
>

export type Append = Exchange<
  "Append",
  LeaseKey & { readonly events: ReadonlyArray<Event>; readonly after: number | undefined },
  { readonly latest: number }
>

export type Complete = Exchange<
  "Complete",
  LeaseKey & { readonly ending: Ending; readonly events: ReadonlyArray<Event> },
  { readonly completed: boolean }
>

/** `children`: groups of children of which one suffices, by their indexes. `forOthers`: for something else than those and answers. */
export type Suspend = Exchange<
  "Suspend",
  LeaseKey & {
    readonly questions: ReadonlyArray<string>
    readonly children: ReadonlyArray<ReadonlyArray<number>>
    readonly forOthers: boolean
  },
  null
>

export type Release = Exchange<"Release", LeaseKey & { readonly counted: boolean }, null>

export type Spawn = Exchange<
  "Spawn",
  LeaseKey & { readonly step: string; readonly maxAttempts: number },
  { readonly child: string }
>

/** A change of a limit. That of a limit with a name, without a key, is one of all its keys. */
export type Limit = Exchange<
  "Limit",
  { readonly limit: string; readonly maxRunning?: number | undefined; readonly paused?: boolean | undefined },
  null
>

export type Submit = Exchange<
  "Submit",
  {
    readonly run: string
    readonly conversation: string | undefined
    readonly maxAttempts: number
    readonly multitask: string | undefined
    /** None when absent. */
    readonly under?: Under | undefined
  },
  Sighting & { readonly duplicate: boolean }
>

export type Cancel = Exchange<"Cancel", { readonly run: string }, Sighting & { readonly cancelled: boolean }>

/** `answers`: JSON by the id of the question. */
export type Resume = Exchange<
  "Resume",
  { readonly run: string; readonly answers: Readonly<Record<string, string>> },
  { readonly duplicate: boolean }
>

/** The next input of a client, which has answers. `outcome` is what it made of the run. */
export type FollowUp = Exchange<
  "FollowUp",
  { readonly run: string; readonly input: string; readonly answers: Readonly<Record<string, string>> },
  { readonly outcome: string; readonly duplicate: boolean }
>

export type Tell = Exchange<
  "Tell",
  { readonly run: string; readonly key: string },
  { readonly message: string }
>

export type Look = Exchange<"Look", { readonly run: string }, Sighting>

export type Call =
  | Claim
  | Renew
  | Append
  | Complete
  | Suspend
  | Release
  | Spawn
  | Submit
  | Cancel
  | Resume
  | FollowUp
  | Tell
  | Look
  | Limit

/** An executor: the process that runs it, and the lease under which it does. */
export interface Executing {
  readonly process: string
  readonly run: string
  readonly epoch: number
}

/**
 * What happened in a process.
 *
 * - `Started`, `Ended`: the process. What has ended does nothing more, whatever it was doing.
 * - `Paused`, `Resumed`: its fibers did nothing in between.
 * - `ExecutorBegan`, `ExecutorEnded`: the executor of a run.
 * - `BodyBegan`: the body of a step, with its effects.
 * - `Returned`: a durable operation of an executor has returned `value`, as JSON. `name` is that of the operation in its run.
 */
export type Incident =
  | { readonly _tag: "Started"; readonly at: number; readonly process: string }
  | { readonly _tag: "Ended"; readonly at: number; readonly process: string; readonly how: string }
  | { readonly _tag: "Paused"; readonly at: number; readonly process: string; readonly clock: PausedClock }
  | { readonly _tag: "Resumed"; readonly at: number; readonly process: string }
  | (Executing & { readonly _tag: "ExecutorBegan"; readonly at: number; readonly attempt: number })
  | (Executing & { readonly _tag: "ExecutorEnded"; readonly at: number })
  | (Executing & { readonly _tag: "BodyBegan"; readonly at: number; readonly name: string })
  | (Executing & {
      readonly _tag: "Returned"
      readonly at: number
      readonly name: string
      readonly value: string
    })

/** An entry of a log. `sequence` is null for the control plane's own. */
export interface Entry {
  readonly eventId: number
  readonly sequence: number | null
  readonly at: number
  readonly event: Event
}

/**
 * A run when all was over, with its log. `parent`: the run that spawned it. `root`: that of its tree. `spent`: what the tree has cost, of a
 * root with a budget.
 */
export interface Final extends Sighting {
  readonly epoch: number
  readonly parent: string | undefined
  readonly root: string
  readonly spent: number | undefined
  readonly finishedAt: number | undefined
  readonly log: ReadonlyArray<Entry>
}

/**
 * A schedule when all was over. Its ticks are those from `first` to `last`, each `every` after the one before, which are after `createdAt`,
 * all by the wall clock of the store. `key`: what its declaration calls it. `isComplete`: it has no tick to come. `skipped`: how many ticks
 * it counts that began no run.
 */
export interface FinalSchedule {
  readonly id: string
  readonly key: string
  readonly createdAt: number
  readonly first: number
  readonly every: number
  readonly last: number
  readonly policy: string
  readonly missed: string
  readonly isComplete: boolean
  readonly skipped: { readonly missed: number; readonly overlap: number }
}

/** `settled`: every run had ended when the simulation stopped. `lease` is the length of the leases. `slots`: of each worker. */
export interface History {
  readonly lease: number
  readonly slots: Readonly<Record<string, number>>
  readonly calls: ReadonlyArray<Call>
  readonly incidents: ReadonlyArray<Incident>
  readonly final: ReadonlyArray<Final>
  /** None when absent. */
  readonly schedules?: ReadonlyArray<FinalSchedule> | undefined
  /** None when absent. */
  readonly limits?: ReadonlyArray<FinalLimit> | undefined
  readonly settled: boolean
  readonly endedAt: number
  /** What must not happen at all: the store died, or the world turned in a circle. */
  readonly crashes: ReadonlyArray<string>
  /** The longest time that a process continues after a pause before it notices the time that has passed; none when absent. */
  readonly reaction?: number | undefined
  /** How many servers share the store; one when absent. Each dates a transaction by its beginning, so the entries of a log may be dated apart from their order. */
  readonly servers?: number | undefined
}
