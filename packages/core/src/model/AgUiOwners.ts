/**
 * The owner of each message, tool call, reasoning and activity of a run: the parent agent, or one of its subagents. An event that continues
 * one of them may leave its owner out, and may not name another one.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/subagents
 */
import { Predicate } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import * as AgUiItems from "./AgUiItems.js"

/** The id of a subagent. Undefined for the parent agent. */
type Owner = string | undefined

const nouns = {
  message: "message",
  toolCall: "tool call",
  reasoning: "reasoning",
  activity: "activity",
} as const
type Kind = keyof typeof nouns

/** Why an event may not be as it is. Without `field` it is right. `problem` is a sentence without its subject, the event. */
export interface Contradiction {
  readonly field: string | undefined
  readonly problem: string
}

export interface Owners {
  /** Takes the owner that the next event states. An event that contradicts an earlier one changes no owner. */
  readonly take: (event: LogEvent) => Contradiction | undefined

  /** Takes the owners of messages. Where `replace` is false, the owners of before stay. */
  readonly restate: (messages: unknown, replace: boolean) => void

  /** The same owners now. A later change of one of the two does not change the other. */
  readonly copy: () => Owners
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const tagOf = (record: Readonly<Record<string, unknown>>): Owner => text(record["subagentRunId"])

const kindOfRole = (role: unknown): Kind =>
  role === "reasoning" ? "reasoning" : role === "activity" ? "activity" : "message"

const nameOf = (owner: Owner): string => owner ?? "the parent agent"

const list = (value: unknown): ReadonlyArray<Record<string, unknown>> =>
  Array.isArray(value) ? value.filter(Predicate.isRecord) : []

type Maps = Readonly<Record<Kind, Map<string, Owner>>>

const ofMaps = (owners: Maps, subagents: Set<string>): Owners => {
  /** The first event of an item states its owner. */
  const claim = (event: LogEvent, kind: Kind, id: unknown): Contradiction | undefined => {
    if (typeof id !== "string") return undefined
    const tag = tagOf(event)
    if (!owners[kind].has(id)) owners[kind].set(id, tag)
    const owner = owners[kind].get(id)
    if (tag === undefined || owner === tag) return undefined
    return {
      field: "subagentRunId",
      problem: `assigns ${nouns[kind]} ${id} to subagent ${tag}, and it belongs to ${nameOf(owner)}`,
    }
  }

  const claimIfOwned = (event: LogEvent, kind: Kind, id: unknown) =>
    typeof id === "string" && owners[kind].has(id) ? claim(event, kind, id) : undefined

  /** A tool call belongs to the owner of its message. */
  const claimCall = (event: LogEvent): Contradiction | undefined => {
    const id = text(event["toolCallId"])
    const parent = text(event["parentMessageId"])
    if (id !== undefined && parent !== undefined && owners.message.has(parent)) {
      const owner = owners.message.get(parent)
      if (owners.toolCall.has(id) && owners.toolCall.get(id) !== owner) {
        const problem = `assigns tool call ${id} to message ${parent} of ${nameOf(owner)}, and the call belongs to ${nameOf(owners.toolCall.get(id))}`
        return { field: "parentMessageId", problem }
      }
      owners.toolCall.set(id, owner)
    }
    return claim(event, "toolCall", id)
  }

  const startSubagent = (event: LogEvent): Contradiction | undefined => {
    const id = String(event["subagentRunId"])
    if (subagents.has(id)) return { field: undefined, problem: `names subagent ${id} a second time` }
    const parent = text(event["parentSubagentRunId"])
    if (parent !== undefined && !subagents.has(parent)) {
      const problem = `names subagent ${parent} as parent, which was not started`
      return { field: "parentSubagentRunId", problem }
    }
    subagents.add(id)
    return undefined
  }

  const restate = (messages: unknown, replace: boolean): void => {
    const set = (kind: Kind, id: unknown, owner: Owner) => {
      if (typeof id === "string" && (replace || !owners[kind].has(id))) owners[kind].set(id, owner)
    }
    for (const message of list(messages)) {
      const owner = tagOf(message)
      set(kindOfRole(message["role"]), message["id"], owner)
      for (const call of list(message["toolCalls"])) set("toolCall", call["id"], owner)
    }
  }

  const take = (event: LogEvent): Contradiction | undefined => {
    switch (event.type) {
      case "TOOL_CALL_START":
        return claimCall(event)
      case "TOOL_CALL_RESULT":
        if (typeof event["messageId"] === "string") owners.message.set(event["messageId"], tagOf(event))
        return undefined
      case "REASONING_ENCRYPTED_VALUE": {
        const id = event["entityId"]
        if (event["subtype"] === "tool-call") return claimIfOwned(event, "toolCall", id)
        // The encrypted value of a message may belong to its reasoning.
        return claimIfOwned(event, owners.message.has(String(id)) ? "message" : "reasoning", id)
      }
      case "ACTIVITY_SNAPSHOT": {
        const id = String(event["messageId"])
        if (!owners.activity.has(id) || event["replace"] !== false) owners.activity.set(id, tagOf(event))
        return undefined
      }
      case "ACTIVITY_DELTA":
        return claimIfOwned(event, "activity", event["messageId"])
      case "SUBAGENT_STARTED":
        return startSubagent(event)
      case "MESSAGES_SNAPSHOT":
        restate(event["messages"], true)
        return undefined
      default: {
        const item = AgUiItems.useOf(event.type)?.item
        return item?.owned === undefined ? undefined : claim(event, item.owned, event[item.field])
      }
    }
  }

  return {
    take,
    restate,
    copy: () =>
      ofMaps(
        {
          message: new Map(owners.message),
          toolCall: new Map(owners.toolCall),
          reasoning: new Map(owners.reasoning),
          activity: new Map(owners.activity),
        },
        new Set(subagents),
      ),
  }
}

/** Of a run that has not begun. */
export const make = (): Owners =>
  ofMaps({ message: new Map(), toolCall: new Map(), reasoning: new Map(), activity: new Map() }, new Set())
