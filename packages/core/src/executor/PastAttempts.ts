/** The earlier attempts of a run, read from its log: their messages, and the tool calls that they began. */
import { Array as Arr, Chunk, Effect, Option, Stream } from "effect"
import { isToolCallFailure, type LogEvent } from "../model/AgentEvent.js"
import { field as editsField } from "../model/Edits.js"
import * as InboxMessage from "../model/InboxMessage.js"
import type { MessagePart, SnapshotMessage } from "../model/RequestSnapshot.js"
import { type ClaimedRun, EventId, type RunNotFound } from "../model/Run.js"
import * as StepRecord from "../model/StepRecord.js"
import { endsAttempt } from "../ports/ControlEvents.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { type LogEntry, maxReadLimit, RunLog } from "../ports/RunLog.js"

// Builds one attempt of a run from the events of its log.

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/**
 * What the attempts of a run share: `inbox` has the messages to the run so far, by their numbers; `recordedCalls` are the calls that
 * records name. An attempt may answer a call that the record of an earlier one names.
 */
interface Shared {
  readonly inbox: Map<number, InboxMessage.InboxMessage>
  readonly recordedCalls: Set<unknown>
}

interface ReadMessage {
  readonly id: string
  readonly role: string
  /** How many records came before it. */
  readonly turn: number
  readonly parts: Array<Record<string, unknown> & MessagePart>
}

/** Builds one attempt from the events of the log. */
export const make = ({ recordedCalls, inbox }: Shared) => {
  const messages: Array<ReadMessage> = []
  const parts = new Map<string, Record<string, unknown> & MessagePart>()
  const messageIds = new Set<string>()
  const ended = new Set<string>()
  const results = new Map<string, LoggedResult>()
  const customs: Array<{ readonly name: string; readonly value: unknown }> = []
  const records: Array<StepRecord.StepRecord> = []
  const recordedParts = new Set<unknown>()
  let turn = 0
  let empty = true

  const add = (role: string, id: string, part: Record<string, unknown> & MessagePart) => {
    if (part.type !== "tool_call") messageIds.add(id)
    const last = messages.at(-1)
    if (last?.role === role && last.turn === turn) last.parts.push(part)
    else messages.push({ id, role, turn, parts: [part] })
  }
  const open = (kind: string, id: string, part: Record<string, unknown> & MessagePart) => {
    if (parts.has(`${kind} ${id}`)) return
    parts.set(`${kind} ${id}`, part)
    add("assistant", id, part)
  }
  const extend = (kind: string, id: string, field: string, delta: unknown) => {
    const part = parts.get(`${kind} ${id}`)
    if (part !== undefined) part[field] = text(part[field]) + text(delta)
  }

  /** A message to the run is placed where a step of the run has consumed it. */
  const take = ({ after = 0, to = 0 }: StepRecord.StepRecord): void => {
    for (let number = after + 1; number <= to; number += 1) {
      const message = inbox.get(number)
      if (message === undefined) continue
      const id = message.key ?? message.id
      const parts = message.parts.map((part) => ({ ...part }))
      for (const part of parts) recordedParts.add(part)
      messageIds.add(id)
      messages.push({ id, role: "user", turn, parts })
    }
  }

  const nextRecord = StepRecord.reader()
  const record = (event: LogEvent): void => {
    const whole = nextRecord(event)
    if (whole === undefined) return
    const { kind, record: read } = whole
    if (kind === "inbox") return take(read)
    if (kind !== "step") return
    records.push(read)
    for (const id of read.messages ?? []) recordedParts.add(parts.get(`message ${id}`))
    for (const id of read.tool_calls ?? []) {
      recordedParts.add(parts.get(`tool-call ${id}`))
      recordedCalls.add(id)
    }
    turn += 1
  }

  const isRecorded = (part: MessagePart): boolean =>
    recordedParts.has(part) || (part.type === "tool_result" && recordedCalls.has(part["toolCallId"]))

  const recorded = (): ReadonlyArray<ReadMessage> =>
    recordedCalls.size === 0 && recordedParts.size === 0
      ? []
      : messages
          .map((message) => ({ ...message, parts: message.parts.filter(isRecorded) }))
          .filter((message) => message.parts.length > 0)

  const toMessage = ({ id, parts, role }: ReadMessage): SnapshotMessage => ({ id, role, parts })

  return {
    read: (event: LogEvent, ofExecutor: boolean): void => {
      empty = false
      const messageId = text(event["messageId"])
      const toolCallId = text(event["toolCallId"])
      switch (event.type) {
        case "TEXT_MESSAGE_START":
          return open("message", messageId, { type: "text", text: "" })
        case "TEXT_MESSAGE_CONTENT":
          return extend("message", messageId, "text", event["delta"])
        case "REASONING_START":
        case "REASONING_MESSAGE_START":
          return open("message", messageId, { type: "reasoning", text: "" })
        case "REASONING_MESSAGE_CONTENT":
          return extend("message", messageId, "text", event["delta"])
        case "TOOL_CALL_START":
          return open("tool-call", toolCallId, {
            type: "tool_call",
            toolCallId,
            toolName: text(event["toolCallName"]),
            args: "",
          })
        case "TOOL_CALL_ARGS":
          return extend("tool-call", toolCallId, "args", event["delta"])
        case "TOOL_CALL_END":
          if (ofExecutor) ended.add(toolCallId)
          return
        case "TOOL_CALL_RESULT": {
          const result = { content: event["content"], isError: isToolCallFailure(event) }
          results.set(toolCallId, result)
          return add("tool", messageId, {
            type: "tool_result",
            toolCallId,
            result: result.content,
            ...(result.isError ? { isError: true } : {}),
            // The arguments that the call was made with, where a person had edited those of the model.
            ...(event[editsField] === undefined ? {} : { [editsField]: event[editsField] }),
          })
        }
        case "REASONING_ENCRYPTED_VALUE": {
          const part = parts.get(`${text(event["subtype"])} ${text(event["entityId"])}`)
          if (part !== undefined) part["encryptedValue"] = event["encryptedValue"]
          return
        }
        case "CUSTOM":
          if (!ofExecutor) {
            return void Option.map(InboxMessage.fromEvent(event), (message) =>
              inbox.set(message.number, message),
            )
          }
          if (StepRecord.isReserved(event)) return record(event)
          customs.push({ name: text(event["name"]), value: event["value"] })
      }
    },
    isEmpty: () => empty,
    end: (waited: boolean): PastAttempt => {
      const valid = waited ? messages : recorded()
      return {
        waited,
        messages: messages.map(toMessage),
        validMessages: valid.map(toMessage),
        turns: Arr.isNonEmptyReadonlyArray(valid)
          ? Arr.groupWith(valid, (a, b) => a.turn === b.turn).map((turn) => turn.map(toMessage))
          : [],
        records,
        messageIds,
        customs,
        calls: messages.flatMap((message) =>
          message.parts.flatMap((part) => {
            if (part.type !== "tool_call") return []
            const toolCallId = text(part["toolCallId"])
            return {
              toolCallId,
              toolName: text(part["toolName"]),
              args: text(part["args"]),
              ended: ended.has(toolCallId),
              valid: waited || recordedCalls.has(toolCallId),
              result: Option.fromNullable(results.get(toolCallId)),
            }
          }),
        ),
      }
    },
  }
}

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
 * are `tool_result`, with `editedArgs` where a person had edited the arguments of the call, and the messages to the run that it has consumed, which are the user's. A part has the `encryptedValue` that the log has for its message or call. `messageIds` are the ids of
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
        const shared: Shared = { inbox: new Map(), recordedCalls: new Set() }
        let reader = make(shared)
        // Control planes may omit sequences. Only executors write TOOL_CALL_START, so one without a sequence shows that.
        let unsequenced = false
        // One that waited says that what came before it has been answered, also where it wrote nothing.
        const close = (waited: boolean) => {
          if (waited || !reader.isEmpty()) attempts.push(reader.end(waited))
          reader = make(shared)
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
  const reader = make({ inbox: new Map(), recordedCalls: new Set() })
  for (const event of events) reader.read(event, true)
  return reader.end(true).messages
}
