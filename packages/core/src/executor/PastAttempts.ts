/** The earlier attempts of a run, read from its log: their messages, and the tool calls that they began. */
import { Chunk, Effect, Option, Stream } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import { endsAttempt } from "../ports/ControlEvents.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { SnapshotMessage } from "../model/RequestSnapshot.js"
import type { ClaimedRun, RunNotFound } from "../model/Run.js"
import { EventId } from "../model/Run.js"
import { type LogEntry, maxReadLimit, RunLog } from "../ports/RunLog.js"
import type * as StepRecord from "../model/StepRecord.js"
import * as AttemptReader from "./AttemptReader.js"

/** The result of a tool call in the log. */
export interface LoggedResult {
  readonly content: unknown
  readonly isError: boolean
}

/**
 * A tool call in the log. `args` is JSON text as the agent wrote it. `ended` is true when the executor itself ended the
 * arguments; when it is false, the control plane ended them after the attempt died, and `args` may be incomplete unless the call
 * is valid. It is valid when the attempt waited, or when a record names it.
 */
export interface LoggedCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly args: string
  readonly ended: boolean
  readonly valid: boolean
  readonly result: Option.Option<LoggedResult>
}

/**
 * An attempt that ended without an outcome. When `waited` is true, it was suspended for answers, and its messages are part
 * of the conversation. Otherwise it died or was handed back, and its messages are void, but for those that a record names.
 * `validMessages` are those that are part of the conversation, with the results of their calls. `turns` are the same, divided after
 * each record: the messages of two recorded answers are never in one turn. `records` are those of its steps.
 *
 * `messages` are assistant messages, whose parts are `text`, `reasoning` and `tool_call`, tool messages, whose parts
 * are `tool_result`, and the messages to the run that it has consumed, which are the user's. A part has the `encryptedValue` that the log has for its message or call. `messageIds` are the ids of
 * these messages in AG-UI. `customs` are the executor's own CUSTOM events.
 */
export interface PastAttempt {
  readonly waited: boolean
  readonly messages: ReadonlyArray<SnapshotMessage>
  readonly validMessages: ReadonlyArray<SnapshotMessage>
  readonly turns: ReadonlyArray<ReadonlyArray<SnapshotMessage>>
  readonly records: ReadonlyArray<StepRecord.StepRecord>
  readonly messageIds: ReadonlySet<string>
  readonly calls: ReadonlyArray<LoggedCall>
  readonly customs: ReadonlyArray<{ readonly name: string; readonly value: unknown }>
}

const interrupts = (event: LogEvent): boolean => {
  const outcome = event["outcome"]
  return (
    event.type === "RUN_FINISHED" &&
    typeof outcome === "object" &&
    outcome !== null &&
    "type" in outcome &&
    outcome.type === "interrupt"
  )
}

/** The entries that the log had when the run was claimed, oldest first; with `only`, those of records. */
export const entries = (
  run: ClaimedRun,
  only?: "records",
): Stream.Stream<LogEntry, RunNotFound | ControlPlaneError, RunLog> =>
  Stream.unwrap(
    Effect.map(RunLog, (log) =>
      Stream.paginateChunkEffect(EventId.make(0), (after) =>
        Effect.map(log.read({ runId: run.runId, after, limit: maxReadLimit, only }), (page) => {
          const last = page.at(-1)
          return [
            Chunk.fromIterable(page),
            last === undefined || last.eventId >= run.latestEventId
              ? Option.none()
              : Option.some(last.eventId),
          ]
        }),
      ),
    ),
  ).pipe(Stream.takeWhile((entry) => entry.eventId <= run.latestEventId))

/** The attempts before this one, oldest first. Reads nothing when the log has no event of an executor. */
export const read = (
  run: ClaimedRun,
): Effect.Effect<ReadonlyArray<PastAttempt>, RunNotFound | ControlPlaneError, RunLog> =>
  run.latestSequence === 0
    ? Effect.succeed([])
    : Effect.suspend(() => {
        const attempts: Array<PastAttempt> = []
        const shared: AttemptReader.Shared = { inbox: new Map(), recordedCalls: new Set() }
        let reader = AttemptReader.make(shared)
        // Control planes may omit sequences. Only executors write TOOL_CALL_START, so one without a sequence shows that.
        let unsequenced = false
        // One that waited says that what came before it has been answered, also where it wrote nothing.
        const close = (waited: boolean) => {
          if (waited || !reader.isEmpty()) attempts.push(reader.end(waited))
          reader = AttemptReader.make(shared)
        }
        return entries(run).pipe(
          Stream.runForEach(({ event, sequence }) =>
            Effect.sync(() => {
              if (sequence === null && endsAttempt(event)) return close(false)
              if (interrupts(event)) return close(true)
              if (sequence === null && event.type === "TOOL_CALL_START") unsequenced = true
              if (event.type !== "RUN_STARTED") reader.read(event, sequence !== null || unsequenced)
            }),
          ),
          Effect.map(() => {
            close(false)
            return attempts
          }),
        )
      })

/** The messages that these events of an executor make, as a later attempt reads them from the log. */
export const messagesOf = (events: ReadonlyArray<LogEvent>): ReadonlyArray<SnapshotMessage> => {
  const reader = AttemptReader.make({ inbox: new Map(), recordedCalls: new Set() })
  for (const event of events) reader.read(event, true)
  return reader.end(true).messages
}
