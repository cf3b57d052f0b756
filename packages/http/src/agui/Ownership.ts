/**
 * Which agent each message, tool call, activity and subagent of a run belongs to: later events may not disagree with
 * the one that came first.
 *
 * @since 0.1.0
 */
import type { AgentEvent } from "@runlease/core"

type Event = AgentEvent.LogEvent

/** The subagent, or undefined for the run's own agent. */
type Owner = string | undefined

export interface Ownership {
  /** The event as its owner allows it: a tag that disagrees is left out. Undefined when it may not be shown at all. */
  readonly admit: (event: Event) => Event | undefined

  /** Takes the owners of messages that a snapshot, or the input of a run, restates. */
  readonly seed: (event: Event) => void

  /** The same owners as they are now: what one of them takes does not change the other. */
  readonly copy: () => Ownership
}

interface Owners {
  readonly messages: Map<string, Owner>
  readonly toolCalls: Map<string, Owner>
  readonly activities: Map<string, Owner>
  readonly reasoning: Map<string, Owner>
  readonly subagents: Set<string>
}

const ownerOf = (value: unknown): Owner => (typeof value === "string" ? value : undefined)

const without = (event: Event, field: string): Event => {
  const { [field]: _, ...rest } = event
  return rest as Event
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const ofOwners = ({ activities, messages, reasoning, subagents, toolCalls }: Owners): Ownership => {
  /** Untags an event whose tag disagrees with the owner; a first event makes the owner. */
  const claim = (owners: Map<string, Owner>, field: string, event: Event): Event => {
    const id = event[field]
    if (typeof id !== "string") return event
    const tag = ownerOf(event["subagentRunId"])
    if (!owners.has(id)) {
      owners.set(id, tag)
      return event
    }
    return tag === undefined || owners.get(id) === tag ? event : without(event, "subagentRunId")
  }

  /** A tool call belongs to the message that carries it; a parent that disagrees is left out. */
  const claimToolCall = (event: Event): Event => {
    const id = event["toolCallId"] as string
    const parent = event["parentMessageId"]
    if (typeof parent !== "string" || !messages.has(parent)) return claim(toolCalls, "toolCallId", event)
    const owner = messages.get(parent)
    if (toolCalls.has(id) && toolCalls.get(id) !== owner) {
      return claim(toolCalls, "toolCallId", without(event, "parentMessageId"))
    }
    toolCalls.set(id, owner)
    return claim(toolCalls, "toolCallId", event)
  }

  const encryptedOwners = (event: Event): Map<string, Owner> => {
    const id = event["entityId"] as string
    if (event["subtype"] === "tool-call") return toolCalls
    return event["subtype"] === "message" && messages.has(id) ? messages : reasoning
  }

  const startSubagent = (event: Event): Event | undefined => {
    const id = event["subagentRunId"] as string
    if (subagents.has(id)) return undefined
    const parent = event["parentSubagentRunId"]
    const orphan = typeof parent === "string" && !subagents.has(parent)
    subagents.add(id)
    return orphan ? without(event, "parentSubagentRunId") : event
  }

  const seedMessages = (list: unknown, authoritative: boolean): void => {
    if (!Array.isArray(list)) return
    for (const message of list.filter(isRecord)) {
      const id = message["id"]
      if (typeof id !== "string") continue
      const role = message["role"]
      const owners = role === "reasoning" ? reasoning : role === "activity" ? activities : messages
      const owner = ownerOf(message["subagentRunId"])
      if (authoritative || !owners.has(id)) owners.set(id, owner)
      const calls = message["toolCalls"]
      if (!Array.isArray(calls)) continue
      for (const call of calls.filter(isRecord)) {
        const callId = call["id"]
        if (typeof callId === "string" && (authoritative || !toolCalls.has(callId)))
          toolCalls.set(callId, owner)
      }
    }
  }

  const seed = (event: Event): void => {
    if (event.type === "MESSAGES_SNAPSHOT") return seedMessages(event["messages"], true)
    const input = event["input"]
    if (event.type === "RUN_STARTED" && isRecord(input)) seedMessages(input["messages"], false)
  }

  const admit = (event: Event): Event | undefined => {
    switch (event.type) {
      case "TEXT_MESSAGE_START":
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_END":
        return claim(messages, "messageId", event)
      case "TOOL_CALL_START":
        return claimToolCall(event)
      case "TOOL_CALL_ARGS":
      case "TOOL_CALL_END":
        return claim(toolCalls, "toolCallId", event)
      case "TOOL_CALL_RESULT":
        if (typeof event["messageId"] === "string")
          messages.set(event["messageId"], ownerOf(event["subagentRunId"]))
        return event
      case "REASONING_START":
      case "REASONING_MESSAGE_START":
      case "REASONING_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_END":
      case "REASONING_END":
        return claim(reasoning, "messageId", event)
      case "REASONING_ENCRYPTED_VALUE": {
        const owners = encryptedOwners(event)
        return owners.has(event["entityId"] as string) ? claim(owners, "entityId", event) : event
      }
      case "ACTIVITY_SNAPSHOT": {
        const id = event["messageId"] as string
        if (!activities.has(id) || event["replace"] !== false)
          activities.set(id, ownerOf(event["subagentRunId"]))
        return event
      }
      case "ACTIVITY_DELTA":
        return activities.has(event["messageId"] as string) ? claim(activities, "messageId", event) : event
      case "SUBAGENT_STARTED":
        return startSubagent(event)
      case "MESSAGES_SNAPSHOT":
        seed(event)
        return event
      default:
        return event
    }
  }

  return {
    admit,
    seed,
    copy: () =>
      ofOwners({
        messages: new Map(messages),
        toolCalls: new Map(toolCalls),
        activities: new Map(activities),
        reasoning: new Map(reasoning),
        subagents: new Set(subagents),
      }),
  }
}

export const make = (): Ownership =>
  ofOwners({
    messages: new Map(),
    toolCalls: new Map(),
    activities: new Map(),
    reasoning: new Map(),
    subagents: new Set(),
  })
