/**
 * Makes the ids of a remote agent unique in the run's log.
 *
 * If an earlier attempt began a message or a tool call with an id and this attempt begins another with it, the new one gets
 * another id in the log. An event that only refers to the earlier one, such as the result of its call, does not change.
 */
import type { AgentEvent, Run } from "@runlease/core"
import { AgUiItems, PastAttempts } from "@runlease/core/executor"
import { Effect, Predicate, Stream } from "effect"
import { readingLog } from "./Failure.js"

type Event = AgentEvent.LogEvent
type Kind = "message" | "toolCall"

/** The kind of thing that each field with an id refers to. */
const references: Readonly<Record<string, Kind>> = {
  messageId: "message",
  parentMessageId: "message",
  toolCallId: "toolCall",
  parentToolCallId: "toolCall",
}

/** The result of a call is a separate message. */
const beginningOf = (event: Event): readonly [Kind, string] | undefined => {
  const begun = AgUiItems.beginningOf(event)
  if (begun !== undefined) return [begun.field === "messageId" ? "message" : "toolCall", begun.id]
  const { messageId, type } = event
  return type === "TOOL_CALL_RESULT" && typeof messageId === "string" ? ["message", messageId] : undefined
}

/** The ids that the log has begun before this claim. */
const usedBefore = (run: Run.ClaimedRun) =>
  Effect.suspend(() => {
    const used = { message: new Set<string>(), toolCall: new Set<string>() }
    if (run.latestSequence === 0) return Effect.succeed(used)
    const entries = Stream.runForEach(PastAttempts.entries(run), ({ event }) =>
      Effect.sync(() => {
        const beginning = beginningOf(event)
        if (beginning !== undefined) used[beginning[0]].add(beginning[1])
      }),
    )
    return Effect.as(readingLog(entries), used)
  })

export interface UniqueIds {
  /** The event with its ids of the log. */
  readonly translate: (event: Event) => Event
  /** The agent's own ids of tool calls, by their ids in the log, where the two differ. */
  readonly toolCalls: () => Readonly<Record<string, string>>
}

/** The ids of one attempt. `toolCalls` are those of the attempt that it continues. */
export const make = (run: Run.ClaimedRun, toolCalls: Readonly<Record<string, string>>) =>
  Effect.map(usedBefore(run), (used): UniqueIds => {
    const logIds = {
      message: new Map<string, string>(),
      toolCall: new Map(Object.entries(toolCalls).map(([logId, agentId]) => [agentId, logId])),
    }
    const continued = new Set(logIds.toolCall.keys())

    const begin = (kind: Kind, id: string) => {
      if (logIds[kind].has(id) && !(kind === "toolCall" && continued.delete(id))) return
      let logId = id
      for (let count = 2; used[kind].has(logId); count++) logId = `${id}-${count}`
      used[kind].add(logId)
      logIds[kind].set(id, logId)
    }
    const logIdOf = (kind: Kind, id: unknown): unknown =>
      typeof id === "string" ? (logIds[kind].get(id) ?? id) : id

    const withLogIds = (record: object): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(record).map(([key, value]) => [
          key,
          Object.hasOwn(references, key) ? logIdOf(references[key]!, value) : value,
        ]),
      )
    const mapRecords = (values: unknown, f: (record: Record<string, unknown>) => unknown): unknown =>
      Array.isArray(values)
        ? values.map((value: unknown) => (Predicate.isRecord(value) ? f(value) : value))
        : values

    /** The interrupt of a client's tool call has the id of the call. */
    const interruptOf = (interrupt: Record<string, unknown>) => ({
      ...withLogIds(interrupt),
      ...(interrupt["clientTool"] === true ? { id: logIdOf("toolCall", interrupt["id"]) } : {}),
    })

    const nestedIds = (event: Event): Record<string, unknown> => {
      switch (event.type) {
        case "REASONING_ENCRYPTED_VALUE":
          return {
            entityId: logIdOf(event["subtype"] === "tool-call" ? "toolCall" : "message", event["entityId"]),
          }
        case "MESSAGES_SNAPSHOT":
          return {
            messages: mapRecords(event["messages"], (message) => ({
              ...withLogIds(message),
              id: logIdOf("message", message["id"]),
              ...(message["toolCalls"] === undefined
                ? {}
                : {
                    toolCalls: mapRecords(message["toolCalls"], (call) => ({
                      ...call,
                      id: logIdOf("toolCall", call["id"]),
                    })),
                  }),
            })),
          }
        case "RUN_FINISHED": {
          const { outcome } = event
          return Predicate.isRecord(outcome) && outcome["interrupts"] !== undefined
            ? { outcome: { ...outcome, interrupts: mapRecords(outcome["interrupts"], interruptOf) } }
            : {}
        }
        default:
          return {}
      }
    }

    return {
      translate: (event) => {
        const beginning = beginningOf(event)
        if (beginning !== undefined) begin(...beginning)
        return { ...withLogIds(event), ...nestedIds(event), type: event.type }
      },
      toolCalls: () => ({
        ...toolCalls,
        ...Object.fromEntries(
          [...logIds.toolCall].flatMap(([agentId, logId]) => (agentId === logId ? [] : [[logId, agentId]])),
        ),
      }),
    }
  })
