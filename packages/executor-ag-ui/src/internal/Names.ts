/**
 * Ids that are unique in the run's log, whatever a remote agent calls things in each of its attempts.
 *
 * An id by which an earlier attempt began a message or a tool call is given another name when this one begins something
 * by it. What only refers to the earlier, such as the result of a tool call that was asked for then, keeps it.
 */
import { type AgentEvent, PastAttempts, type Run } from "@runlease/core"
import { Effect, Predicate, Stream } from "effect"
import { readingLog } from "./Failure.js"

type Event = AgentEvent.LogEvent
type Kind = "message" | "toolCall"

/** What each type of event begins, and the field with its id. Chunks begin something when they are the first. */
const begins: Readonly<Record<string, readonly [Kind, string]>> = {
  TEXT_MESSAGE_START: ["message", "messageId"],
  TEXT_MESSAGE_CHUNK: ["message", "messageId"],
  REASONING_START: ["message", "messageId"],
  REASONING_MESSAGE_START: ["message", "messageId"],
  REASONING_MESSAGE_CHUNK: ["message", "messageId"],
  TOOL_CALL_RESULT: ["message", "messageId"],
  TOOL_CALL_START: ["toolCall", "toolCallId"],
  TOOL_CALL_CHUNK: ["toolCall", "toolCallId"],
}

/** The fields that hold an id, and of what. */
const references: Readonly<Record<string, Kind>> = {
  messageId: "message",
  parentMessageId: "message",
  toolCallId: "toolCall",
  parentToolCallId: "toolCall",
}

const begun = (event: Event): readonly [Kind, string] | undefined => {
  if (!Object.hasOwn(begins, event.type)) return undefined
  const [kind, field] = begins[event.type]!
  const id = event[field]
  return typeof id === "string" ? [kind, id] : undefined
}

/** What the run's log has begun before this claim. */
const before = (run: Run.ClaimedRun) =>
  Effect.suspend(() => {
    const used = { message: new Set<string>(), toolCall: new Set<string>() }
    if (run.latestSequence === 0) return Effect.succeed(used)
    const entries = Stream.runForEach(PastAttempts.entries(run), ({ event }) =>
      Effect.sync(() => {
        const found = begun(event)
        if (found !== undefined) used[found[0]].add(found[1])
      }),
    )
    return Effect.as(readingLog(entries), used)
  })

export interface Names {
  /** The event with the names that things have in the log. */
  readonly translate: (event: Event) => Event
  /** The names that tool calls have in the log, and the agent's own, where they are not the same. */
  readonly toolCalls: () => Readonly<Record<string, string>>
}

/** Names for one attempt. `toolCalls` are those of the attempt that it goes on with. */
export const make = (run: Run.ClaimedRun, toolCalls: Readonly<Record<string, string>>) =>
  Effect.map(before(run), (used): Names => {
    const names = {
      message: new Map<string, string>(),
      toolCall: new Map(Object.entries(toolCalls).map(([name, own]) => [own, name])),
    }
    const continued = new Set(names.toolCall.keys())

    const begin = (kind: Kind, id: string) => {
      if (names[kind].has(id) && !(kind === "toolCall" && continued.delete(id))) return
      let name = id
      for (let count = 2; used[kind].has(name); count++) name = `${id}-${count}`
      used[kind].add(name)
      names[kind].set(id, name)
    }
    const nameOf = (kind: Kind, id: unknown): unknown =>
      typeof id === "string" ? (names[kind].get(id) ?? id) : id

    const renamed = (record: object): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(record).map(([key, value]) => [
          key,
          Object.hasOwn(references, key) ? nameOf(references[key]!, value) : value,
        ]),
      )
    const each = (values: unknown, f: (record: Record<string, unknown>) => unknown): unknown =>
      Array.isArray(values)
        ? values.map((value: unknown) => (Predicate.isRecord(value) ? f(value) : value))
        : values

    /** A client's tool call is waited for by the name of the call. */
    const interruptOf = (interrupt: Record<string, unknown>) => ({
      ...renamed(interrupt),
      ...(interrupt["clientTool"] === true ? { id: nameOf("toolCall", interrupt["id"]) } : {}),
    })

    const inside = (event: Event): Record<string, unknown> => {
      switch (event.type) {
        case "REASONING_ENCRYPTED_VALUE":
          return {
            entityId: nameOf(event["subtype"] === "tool-call" ? "toolCall" : "message", event["entityId"]),
          }
        case "MESSAGES_SNAPSHOT":
          return {
            messages: each(event["messages"], (message) => ({
              ...renamed(message),
              id: nameOf("message", message["id"]),
              ...(message["toolCalls"] === undefined
                ? {}
                : {
                    toolCalls: each(message["toolCalls"], (call) => ({
                      ...call,
                      id: nameOf("toolCall", call["id"]),
                    })),
                  }),
            })),
          }
        case "RUN_FINISHED": {
          const { outcome } = event
          return Predicate.isRecord(outcome) && outcome["interrupts"] !== undefined
            ? { outcome: { ...outcome, interrupts: each(outcome["interrupts"], interruptOf) } }
            : {}
        }
        default:
          return {}
      }
    }

    return {
      translate: (event) => {
        const found = begun(event)
        if (found !== undefined) begin(...found)
        return { ...renamed(event), ...inside(event), type: event.type }
      },
      toolCalls: () => ({
        ...toolCalls,
        ...Object.fromEntries(
          [...names.toolCall].flatMap(([own, name]) => (own === name ? [] : [[name, own]])),
        ),
      }),
    }
  })
