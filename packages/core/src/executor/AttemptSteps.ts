/** The steps of one attempt: records of the attempts before it from the log, and those that enter the log now. */
import { DateTime, Duration, Effect, Option, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as Ids from "../model/Ids.js"
import * as InboxMessage from "../model/InboxMessage.js"
import type { Answer } from "../model/Interrupt.js"
import * as JsonText from "../model/JsonText.js"
import { type ClaimedRun, EventId, type LeaseRef, type RunNotFound } from "../model/Run.js"
import * as StepRecord from "../model/StepRecord.js"
import type { Trial } from "../model/Trial.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { type LogEntry, maxReadLimit, RunLog } from "../ports/RunLog.js"
import * as AttemptInbox from "./AttemptInbox.js"
import * as DrainHold from "./DrainHold.js"
import type { Parking } from "./Parking.js"
import * as PastAttempts from "./PastAttempts.js"
import type { AttemptSteps, Recorded, Records } from "./StepLog.js"

// The records that an attempt writes: each enters the log once, and what waits for it continues when it is there.

interface IssuedRecords extends Pick<AttemptSteps, "issue" | "issueParts" | "committed"> {
  /**
   * An event of the executor as it may enter the log. One with the name of a record that was not issued here, such as that of
   * a remote agent, gets another name.
   */
  readonly admit: (event: AgentEvent.LogEvent) => AgentEvent.LogEvent

  /** Whether this attempt has recorded a step that no attempt before it had. */
  readonly progressed: () => boolean

  /** Takes note of events that are in the log. */
  readonly appended: (events: ReadonlyArray<AgentEvent.LogEvent>) => void
}

/** A record that was issued, the events of it that are outstanding, and the waits for its commit. */
interface OpenRecord {
  /** How many of its events may still enter the log, and how many are not in the log yet. */
  toAdmit: number
  toCommit: number
  readonly waiting: Array<() => void>
}

const issuedRecords = (): IssuedRecords => {
  const issued = new Map<string, OpenRecord>()
  let progressed = false

  const issueParts: AttemptSteps["issueParts"] = (name, parts) =>
    Effect.map(Ids.uuidV7, (id) => {
      issued.set(id, { toAdmit: parts.length, toCommit: parts.length, waiting: [] })
      return { id, events: parts.map((part) => AgentEvent.custom(name, { ...part, record_id: id })) }
    })

  return {
    issue: (name, record) =>
      Effect.map(issueParts(name, [record]), ({ events, id }) => ({ id, event: events[0]! })),
    issueParts,
    committed: (recordId) =>
      Effect.async((resume) => {
        const record = issued.get(recordId)
        if (record === undefined || record.toCommit === 0) resume(Effect.void)
        else record.waiting.push(() => resume(Effect.void))
      }),
    admit: (event) => {
      const id = StepRecord.recordIdOf(event)
      const record = id === undefined ? undefined : issued.get(id)
      if (record === undefined || record.toAdmit === 0) return AgentEvent.relayed(event)
      record.toAdmit -= 1
      progressed ||= StepRecord.isProgress(event)
      return event
    },
    progressed: () => progressed,
    appended: (events) => {
      for (const event of events) {
        const id = StepRecord.isReserved(event) ? StepRecord.recordIdOf(event) : undefined
        const record = id === undefined ? undefined : issued.get(id)
        if (record === undefined) continue
        record.toCommit -= 1
        if (record.toCommit > 0) continue
        for (const wake of record.waiting) wake()
      }
    },
  }
}

/** Steps whose records go through what appends events to the log. */
export interface LoggedSteps extends AttemptSteps, IssuedRecords {}

/** The bytes of the results of a run, as JSON. */
const maxResultBytes = 8 * 1024 * 1024

const maxSteps = 10_000

/** How many steps are recorded. Children that are not detached have a bound of their own. */
const countSteps = (recorded: ReadonlyMap<string, Recorded>): number => {
  let count = 0
  for (const { child } of recorded.values()) if (child?.index === undefined) count += 1
  return count
}

const nothing: Recorded = {
  intent: false,
  done: undefined,
  wakesAt: undefined,
  child: undefined,
  inbox: undefined,
  consumed: 0,
}

/** The first record of a step counts, and one that replaces it. A sleep begins when its record was written. */
const after = (
  before: Recorded,
  kind: Exclude<StepRecord.EventRecord["kind"], "request">,
  record: StepRecord.StepRecord,
  writtenAt: DateTime.Utc,
): Recorded => {
  switch (kind) {
    case "intent":
      return { ...before, intent: true }
    case "sleep": {
      const wakesAt = record.until ?? DateTime.add(writtenAt, { millis: record.duration_ms ?? 0 })
      return { ...before, wakesAt: before.wakesAt ?? wakesAt }
    }
    case "child": {
      const { child_run_id: runId, index } = record
      const child = runId === undefined ? undefined : { runId, index }
      return { ...before, child: before.child ?? child }
    }
    case "inbox": {
      const { after, to } = record
      const inbox = after === undefined || to === undefined ? undefined : { after, to }
      return { ...before, inbox: before.inbox ?? inbox }
    }
    case "step": {
      const counts = before.done === undefined || record.replaces === before.done.record_id
      return counts ? { ...before, done: record } : before
    }
  }
}

/** Messages, and the last event that was read for them. */
interface Messages {
  readonly messages: ReadonlyArray<InboxMessage.InboxMessage>
  readonly latest: EventId
}

/** The message of an entry. Only the control plane writes one. */
const messageOf = ({ event, sequence }: LogEntry): ReadonlyArray<InboxMessage.InboxMessage> =>
  sequence === null ? Option.toArray(InboxMessage.fromEvent(event)) : []

/**
 * What the attempts before this one have recorded, and the messages that the run had when it was claimed. Reads nothing when there was
 * neither.
 */
export const recordedBefore = (
  claimed: ClaimedRun,
): Effect.Effect<Records, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.suspend(() => {
    const steps = new Map<string, Recorded>()
    const messages: Array<InboxMessage.InboxMessage> = []
    const nextRecord = StepRecord.reader()
    // The log of a fork or a retry begins with records, which may all be those of children.
    const isFirst = claimed.latestEventId <= 1
    let consumed = 0
    return isFirst && claimed.inbox === undefined
      ? Effect.succeed({ steps, messages })
      : Effect.as(
          Stream.runForEach(PastAttempts.entries(claimed, "records"), (entry) =>
            Effect.sync(() => {
              messages.push(...messageOf(entry))
              const read = nextRecord(entry.event)
              if (read === undefined) return
              const { kind, record } = read
              if (kind === "request") return
              const { step_id } = record
              const step = after(steps.get(step_id) ?? nothing, kind, record, entry.createdAt)
              consumed = Math.max(consumed, step.inbox?.to ?? 0)
              steps.set(step_id, { ...step, consumed })
            }),
          ),
          { steps, messages },
        )
  })

/** The messages to the run after an event. */
export const messagesAfter = (
  runId: Ids.RunId,
  eventId: EventId,
): Effect.Effect<Messages, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.flatMap(RunLog, (log) => {
    const messages: Array<InboxMessage.InboxMessage> = []
    const readFrom = (after: EventId): Effect.Effect<Messages, RunNotFound | ControlPlaneError> =>
      Effect.flatMap(log.read({ runId, after, limit: maxReadLimit, only: "records" }), (page) => {
        messages.push(...page.flatMap(messageOf))
        const last = page.at(-1)
        return last === undefined ? Effect.succeed({ messages, latest: after }) : readFrom(last.eventId)
      })
    return readFrom(eventId)
  })

/**
 * `recorded` is what the attempts before this one have recorded. It is run at the first step, and again only where that one failed
 * or was interrupted. `storeTime` is in milliseconds since the epoch.
 */
export const make = (options: {
  readonly runId: Ids.RunId
  readonly lease: LeaseRef | undefined
  readonly answers: ReadonlyArray<Answer>
  readonly budgetRoot?: Ids.RunId | undefined
  readonly trial?: Trial | undefined
  readonly recorded: Effect.Effect<Records, RunNotFound | ControlPlaneError>
  readonly inbox: AttemptInbox.AttemptInbox
  /** The messages to the run after an event; those before the attempt when the event is absent. */
  readonly messagesAfter: (after?: EventId) => Effect.Effect<Messages, RunNotFound | ControlPlaneError>
  readonly parking: Pick<Parking, "enter" | "inFlight" | "park">
  readonly storeTime: () => number
}): LoggedSteps => {
  const { inbox, parking, recorded, runId } = options
  const usedIds = new Set<string>()
  const inTurn = Effect.unsafeMakeSemaphore(1)
  let loaded: Records | undefined
  let messagesRead: Messages | undefined
  let resultBytes = 0
  let stepsBefore = 0
  /** The steps that this attempt has recorded, without those that were recorded before. */
  const counted = new Set<string>()
  const issued = issuedRecords()

  /** A read is in flight, as a step is: else the run would be suspended for the waits of other fibers alone. One continues at a time. */
  const reading = <A, E>(effect: Effect.Effect<A, E>) =>
    inTurn.withPermits(1)(parking.inFlight({ id: "reading", within: undefined }, effect))

  const records = reading(
    Effect.suspend(() =>
      loaded !== undefined
        ? Effect.succeed(loaded)
        : Effect.map(recorded, (read) => {
            loaded = read
            stepsBefore = countSteps(read.steps)
            for (const id of read.steps.keys()) counted.delete(id)
            for (const step of read.steps.values()) {
              if (step.inbox !== undefined) inbox.tookBefore(step.inbox)
              resultBytes += JsonText.sizeOf(step.done?.result ?? step.done?.failure ?? "")
            }
            return read
          }),
    ),
  )

  const isCounted = (stepId: string): boolean => counted.has(stepId) || loaded?.steps.has(stepId) === true

  const countStep = (stepId: string): void => {
    if (!isCounted(stepId)) counted.add(stepId)
  }

  const hasRoom = (bytes: number): boolean => resultBytes + bytes <= maxResultBytes

  return {
    ...issued,
    issue: (name, record) => {
      countStep(record.step_id)
      return issued.issue(name, record)
    },
    mayRecord: (stepId) => stepsBefore + counted.size < maxSteps || isCounted(stepId),
    countStep,
    runId,
    lease: options.lease,
    answers: options.answers,
    enter: parking.enter,
    budgetRoot: options.budgetRoot,
    trial: options.trial,
    inFlight: parking.inFlight,
    park: parking.park,
    drainHold: DrainHold.make(),
    until: (instant) =>
      Effect.sync(() => Duration.millis(Math.max(0, instant.epochMillis - options.storeTime()))),
    take: (stepId) => {
      const isNew = !usedIds.has(stepId)
      usedIds.add(stepId)
      return isNew
    },
    // To wait in turn costs more than to look.
    recorded: Effect.suspend(() =>
      loaded === undefined ? Effect.map(records, ({ steps }) => steps) : Effect.succeed(loaded.steps),
    ),
    inbox,
    messages: Effect.flatMap(records, ({ messages: before }) =>
      reading(
        Effect.map(
          Effect.suspend(() => options.messagesAfter(messagesRead?.latest)),
          ({ latest, messages }) => {
            messagesRead = { latest, messages: [...(messagesRead?.messages ?? before), ...messages] }
            return messagesRead.messages
          },
        ),
      ),
    ),
    hasRoom,
    reserve: (bytes) => {
      if (!hasRoom(bytes)) return false
      resultBytes += bytes
      return true
    },
  }
}
