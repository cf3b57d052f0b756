/**
 * Tracks the owner of each message, tool call, reasoning and activity of a run: the parent agent or one of its subagents.
 *
 * An event that continues one of them may leave the owner out, but must not name another.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/subagents
 */
import type { AgentEvent } from "@runlease/core"
import { Predicate } from "effect"

type Event = AgentEvent.LogEvent

export type Kind = "message" | "toolCall" | "reasoning" | "activity"

const nouns: Readonly<Record<Kind, string>> = {
  message: "message",
  toolCall: "tool call",
  reasoning: "reasoning",
  activity: "activity",
}

/** The id of a subagent. Undefined for the parent agent. */
type Owner = string | undefined

interface Reference {
  readonly kind: Kind
  readonly id: string
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const kindOfRole = (role: unknown): Kind =>
  role === "reasoning" ? "reasoning" : role === "activity" ? "activity" : "message"

export interface Ownership {
  /** Records the owner that the event states. Returns the contradiction, if there is one. */
  readonly check: (event: Event) => string | undefined
}

export const make = (): Ownership => {
  const owners: Readonly<Record<Kind, Map<string, Owner>>> = {
    message: new Map(),
    toolCall: new Map(),
    reasoning: new Map(),
    activity: new Map(),
  }

  const disagreement = (event: Event, { id, kind }: Reference): string | undefined => {
    const owner = text(event["subagentRunId"])
    return owner !== undefined && owners[kind].has(id) && owners[kind].get(id) !== owner
      ? `${event.type} gives ${nouns[kind]} ${id} to subagent ${owner}, and it belongs to ${
          owners[kind].get(id) ?? "the parent agent"
        }`
      : undefined
  }
  const open = (event: Event, { id, kind }: Reference, inherited?: Owner): string | undefined => {
    if (!owners[kind].has(id)) owners[kind].set(id, text(event["subagentRunId"]) ?? inherited)
    return disagreement(event, { id, kind })
  }
  /** The encrypted value of a message may belong to its reasoning. */
  const ofEncrypted = (event: Event): Reference => {
    const id = String(event["entityId"])
    if (event["subtype"] === "tool-call") return { kind: "toolCall", id }
    return { kind: owners.message.has(id) ? "message" : "reasoning", id }
  }
  const restate = (messages: unknown): void => {
    for (const message of Array.isArray(messages) ? (messages as ReadonlyArray<unknown>) : []) {
      if (!Predicate.isRecord(message)) continue
      const owner = text(message["subagentRunId"])
      owners[kindOfRole(message["role"])].set(String(message["id"]), owner)
      const calls: ReadonlyArray<unknown> = Array.isArray(message["toolCalls"]) ? message["toolCalls"] : []
      for (const call of calls) {
        if (Predicate.isRecord(call)) owners.toolCall.set(String(call["id"]), owner)
      }
    }
  }

  return {
    check: (event) => {
      const messageId = String(event["messageId"])
      const toolCallId = String(event["toolCallId"])
      switch (event.type) {
        case "TEXT_MESSAGE_START":
          return open(event, { kind: "message", id: messageId })
        case "TEXT_MESSAGE_CONTENT":
        case "TEXT_MESSAGE_END":
          return disagreement(event, { kind: "message", id: messageId })
        case "TOOL_CALL_START": {
          const parent = text(event["parentMessageId"])
          const ofParent = parent === undefined ? undefined : ({ kind: "message", id: parent } as const)
          const inherited = parent === undefined ? undefined : owners.message.get(parent)
          return (
            (ofParent && disagreement(event, ofParent)) ??
            open(event, { kind: "toolCall", id: toolCallId }, inherited)
          )
        }
        case "TOOL_CALL_ARGS":
        case "TOOL_CALL_END":
          return disagreement(event, { kind: "toolCall", id: toolCallId })
        case "TOOL_CALL_RESULT":
          owners.message.set(messageId, text(event["subagentRunId"]))
          return undefined
        case "REASONING_START":
        case "REASONING_MESSAGE_START":
          return open(event, { kind: "reasoning", id: messageId })
        case "REASONING_MESSAGE_CONTENT":
        case "REASONING_MESSAGE_END":
        case "REASONING_END":
          return disagreement(event, { kind: "reasoning", id: messageId })
        case "REASONING_ENCRYPTED_VALUE":
          return disagreement(event, ofEncrypted(event))
        case "ACTIVITY_SNAPSHOT":
          if (event["replace"] === false && owners.activity.has(messageId)) return undefined
          owners.activity.set(messageId, text(event["subagentRunId"]))
          return undefined
        case "ACTIVITY_DELTA":
          return disagreement(event, { kind: "activity", id: messageId })
        case "MESSAGES_SNAPSHOT":
          restate(event["messages"])
          return undefined
        default:
          return undefined
      }
    },
  }
}
