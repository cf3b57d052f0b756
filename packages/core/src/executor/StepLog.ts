/** The steps of one attempt: what earlier attempts have recorded, and what this one records. */
import { Context, type DateTime, type Duration, type Effect } from "effect"
import type { AgentEvent } from "../model/AgentEvent.js"
import type { Answer } from "../model/Interrupt.js"
import type { InboxMessage } from "../model/InboxMessage.js"
import type * as Ids from "../model/Ids.js"
import type { Trial } from "../model/Trial.js"
import type { LeaseRef, RunNotFound } from "../model/Run.js"
import type { Spawned } from "../ports/Leases.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { Encoded, RecordName, StepRecord } from "../model/StepRecord.js"
import type { AttemptInbox, Range } from "./AttemptInbox.js"
import type { DrainHold } from "./DrainHold.js"
import type { Parking } from "./Parking.js"

/**
 * What the log has of a step. A step with an intent and without a result may have happened. `wakesAt` is when its sleep ends, by the
 * store's clock.
 */
export interface Recorded {
  readonly intent: boolean
  readonly done: StepRecord | undefined
  readonly wakesAt: DateTime.Utc | undefined
  readonly child: Spawned | undefined
  readonly inbox: Range | undefined
  /** How many messages the run had consumed by the last record of the step. */
  readonly consumed: number
}

/** What the log has of the attempts before this one: their steps by id, and the messages to the run. */
export interface Records {
  readonly steps: ReadonlyMap<string, Recorded>
  readonly messages: ReadonlyArray<InboxMessage>
}

/** A step as the code calls it. `at`: the place in the source, where there is one. */
export interface StepCall {
  readonly name: string
  readonly key: unknown
  readonly within: string | undefined
  readonly at: string | undefined
}

export interface AttemptSteps extends Pick<Parking, "enter" | "inFlight" | "park"> {
  readonly runId: Ids.RunId

  /** Absent where the execution has no log. */
  readonly lease: LeaseRef | undefined

  /** Every answer that the run has received so far, oldest first. */
  readonly answers: ReadonlyArray<Answer>

  /** The run whose budget this one spends, where there is one. */
  readonly budgetRoot: Ids.RunId | undefined

  /** The trial that the run is in. */
  readonly trial: Trial | undefined

  /** Whether this attempt has not had a step of that id before. */
  readonly take: (stepId: string) => boolean

  /** Takes note of a step that the code calls. A crash test has it. */
  readonly calledAt?: (stepId: string, call: StepCall) => void

  /** What the attempts before this one have recorded, by the ids of the steps. */
  readonly recorded: Effect.Effect<ReadonlyMap<string, Recorded>, RunNotFound | ControlPlaneError>

  /** Which messages the run has, and which it has consumed. */
  readonly inbox: AttemptInbox

  /** The messages to the run so far. */
  readonly messages: Effect.Effect<ReadonlyArray<InboxMessage>, RunNotFound | ControlPlaneError>

  /** The event of a record, with which it may enter the log. */
  readonly issue: (name: RecordName, record: Omit<Encoded, "record_id">) => Effect.Effect<IssuedRecord>

  /** The events of a record in parts, whose texts are these records. */
  readonly issueParts: (
    name: RecordName,
    parts: ReadonlyArray<Omit<Encoded, "record_id">>,
  ) => Effect.Effect<{ readonly id: string; readonly events: ReadonlyArray<AgentEvent> }>

  /** Whether the step may be recorded: the run has not as many others as it may have, those of this attempt among them. */
  readonly mayRecord: (stepId: string) => boolean

  /** Counts a step that is recorded against the bound of the run, once. */
  readonly countStep: (stepId: string) => void

  /** Whether the run has room for so many bytes more of results. */
  readonly hasRoom: (bytes: number) => boolean

  /** Counts the bytes of a result against the bound of the run. False where they are over it, and not counted. */
  readonly reserve: (bytes: number) => boolean

  /** Waits until the record is in the log. Never ends where the log refuses it, since the executor is interrupted then. */
  readonly committed: (recordId: string) => Effect.Effect<void>

  /** Lets a drain wait for bodies that happen at most once. */
  readonly drainHold: DrainHold

  /** How long it is until an instant of the store's clock; zero when it has come. */
  readonly until: (instant: DateTime.Utc) => Effect.Effect<Duration.Duration>
}

export interface IssuedRecord {
  readonly id: string
  readonly event: AgentEvent
}

/** The steps of the run that is executed. The worker provides it with the run. */
export class StepLog extends Context.Tag("@runlease/core/executor/StepLog")<
  StepLog,
  {
    /** Made at the first step, so that a run without steps pays nothing. */
    readonly steps: () => AttemptSteps
  }
>() {}
