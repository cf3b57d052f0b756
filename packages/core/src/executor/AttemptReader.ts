/** Builds one attempt of a run from the events of its log. */
import { Array as Arr, Option } from "effect"
import { isToolCallFailure, type LogEvent } from "../model/AgentEvent.js"
import * as InboxMessage from "../model/InboxMessage.js"
import type { MessagePart, SnapshotMessage } from "../model/RequestSnapshot.js"
import * as StepRecord from "../model/StepRecord.js"
import type { LoggedResult, PastAttempt } from "./PastAttempts.js"

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/**
 * What the attempts of a run share: `inbox` has the messages to the run so far, by their numbers; `recordedCalls` are the calls that
 * records name. An attempt may answer a call that the record of an earlier one names.
 */
export interface Shared {
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
