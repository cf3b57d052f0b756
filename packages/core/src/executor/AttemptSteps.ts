/**
 * The steps of one attempt: records of the attempts before it from the log, and those that enter the log now.
 *
 * @since 0.1.0
 */
import { type Context, Effect, Option, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as Ids from "../model/Ids.js"
import type { ClaimedRun, RunNotFound } from "../model/Run.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { RunLog } from "../ports/RunLog.js"
import * as PastAttempts from "./PastAttempts.js"
import type { AttemptSteps, Recorded, StepLog } from "./StepLog.js"
import * as StepRecord from "../model/StepRecord.js"

/**
 * Steps whose records go through what appends events to the log.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedSteps extends AttemptSteps {
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

/** A record that was issued, and what waits for it. */
interface Issued {
  admitted: boolean
  committed: boolean
  readonly waiting: Array<() => void>
}

const nothing: Recorded = { intent: false, done: undefined }

/** The first record of a step counts, and one that replaces it. */
const after = (before: Recorded, kind: "step" | "intent", record: StepRecord.StepRecord): Recorded => {
  if (kind === "intent") return { ...before, intent: true }
  const counts = before.done === undefined || record.replaces === before.done.record_id
  return counts ? { ...before, done: record } : before
}

/**
 * What the attempts before this one have recorded, by the ids of the steps. Reads nothing when the log has no event of an executor.
 *
 * @since 0.1.0
 * @category reading
 */
export const recordedBefore = (
  claimed: ClaimedRun,
): Effect.Effect<ReadonlyMap<string, Recorded>, RunNotFound | ControlPlaneError, RunLog> =>
  claimed.latestSequence === 0
    ? Effect.succeed(new Map())
    : Stream.runFold(PastAttempts.entries(claimed), new Map<string, Recorded>(), (steps, { event }) =>
        Option.match(StepRecord.fromEvent(event), {
          onNone: () => steps,
          onSome: ({ kind, record }) =>
            steps.set(record.step_id, after(steps.get(record.step_id) ?? nothing, kind, record)),
        }),
      )

/**
 * `recorded` is what the attempts before this one have recorded. It is run at the first step, and again only where that one failed
 * or was interrupted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (runId: Ids.RunId, recorded: AttemptSteps["recorded"]): LoggedSteps => {
  const taken = new Set<string>()
  const issued = new Map<string, Issued>()
  const reading = Effect.unsafeMakeSemaphore(1)
  let known: ReadonlyMap<string, Recorded> | undefined
  let progressed = false

  return {
    runId,
    take: (stepId) => {
      const isNew = !taken.has(stepId)
      taken.add(stepId)
      return isNew
    },
    recorded: reading.withPermits(1)(
      Effect.suspend(() =>
        known !== undefined
          ? Effect.succeed(known)
          : Effect.map(recorded, (read) => {
              known = read
              return read
            }),
      ),
    ),
    issue: (name, record) =>
      Effect.map(Ids.uuidV7, (id) => {
        issued.set(id, { admitted: false, committed: false, waiting: [] })
        return { id, event: AgentEvent.custom(name, { ...record, record_id: id }) }
      }),
    committed: (recordId) =>
      Effect.async((resume) => {
        const record = issued.get(recordId)
        if (record === undefined || record.committed) resume(Effect.void)
        else record.waiting.push(() => resume(Effect.void))
      }),
    admit: (event) => {
      const id = StepRecord.recordIdOf(event)
      const record = id === undefined ? undefined : issued.get(id)
      if (record === undefined || record.admitted)
        return { ...event, name: `relayed.${String(event["name"])}` }
      record.admitted = true
      progressed ||= StepRecord.isProgress(event)
      return event
    },
    progressed: () => progressed,
    appended: (events) => {
      for (const event of events) {
        const id = StepRecord.isReserved(event) ? StepRecord.recordIdOf(event) : undefined
        const record = id === undefined ? undefined : issued.get(id)
        if (record === undefined) continue
        record.committed = true
        for (const wake of record.waiting) wake()
      }
    },
  }
}

/**
 * The steps of an execution that has no log: nothing was recorded before, and nothing waits for its records.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withoutLog = (runId: Ids.RunId): Context.Tag.Service<StepLog> => {
  const steps: AttemptSteps = {
    ...make(runId, Effect.succeed(new Map())),
    committed: () => Effect.void,
  }
  return { steps: () => steps }
}
