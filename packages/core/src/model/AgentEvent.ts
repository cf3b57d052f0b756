/**
 * Events of a run. An executor writes those of AG-UI 1.0; a log keeps any event, so that one of a later protocol passes.
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */
import { Schema } from "effect"
import { custom } from "./agui/Constructors.js"
import type { AgentEvent, Custom } from "./agui/Events.js"

export * from "./agui/Constructors.js"
export type * from "./agui/Events.js"
export type * from "./agui/Messages.js"
export * from "./agui/ToolFailure.js"

/**
 * An event as a log keeps it and the wire carries it: any object with a non-empty string `type`. Further keys stay as
 * they are. Every `AgentEvent` is one.
 */
export const LogEvent = Schema.Struct(
  { type: Schema.NonEmptyString },
  { key: Schema.String, value: Schema.Unknown },
)
export type LogEvent = typeof LogEvent.Type

/**
 * The name of the CUSTOM event that marks the end of an attempt and the start of the next. It says how many answers of a model the dead
 * attempt had begun and not finished.
 */
export const attemptEventName = "runlease.attempt"

/**
 * Whether an event has a name that begins with `runlease.`: readers of a log take what it says from the control plane and from workers alone.
 *
 * Source: docs/decisions/0085-reserved-names.md
 */
export const isReserved = ({ name, type }: LogEvent): boolean =>
  type === "CUSTOM" && typeof name === "string" && name.startsWith("runlease.")

/** The name of the event that says who answered a question. The control plane writes it. */
export const answeredEventName = "runlease.answered"

/** Whether an event has the name of answers. */
export const isAnswers = ({ name, type }: LogEvent): boolean =>
  type === "CUSTOM" && name === answeredEventName

/** The name of the event that says that an approved tool call is about to be made. */
export const toolBegunEventName = "runlease.tool_begun"

/** The mark of an event that code of this process has made. It is no part of the JSON, so no event from elsewhere has it. */
const mark = Symbol.for("@runlease/core/AgentEvent/reserved")

/**
 * An event of an executor with a reserved name. The worker takes such an event of its executor only where this has made it; it renames one that
 * comes from elsewhere, such as from a program or a remote agent.
 */
export const reserved = (name: `runlease.${string}`, value: unknown): Custom =>
  Object.defineProperty(custom(name, value), mark, { value: true })

/** Whether `reserved` has made this very event. A copy of it is another event. */
export const isMarked = (event: LogEvent): boolean => Object.hasOwn(event, mark)

/** The event under a name that nothing takes for the control plane's or for a worker's: `relayed.` and its own. */
export const relayed = (event: LogEvent): LogEvent => ({
  ...event,
  name: `relayed.${String(event["name"])}`,
})

/** A type that AG-UI 1.0 names. */
export type EventType = AgentEvent["type"]

/** The fields, beyond `type`, that AG-UI 1.0 demands of each of its event types, and their JSON type. */
const required = {
  RUN_STARTED: { threadId: "string", runId: "string" },
  RUN_FINISHED: { threadId: "string", runId: "string" },
  RUN_ERROR: { message: "string" },
  STEP_STARTED: { stepName: "string" },
  STEP_FINISHED: { stepName: "string" },
  TEXT_MESSAGE_START: { messageId: "string" },
  TEXT_MESSAGE_CONTENT: { messageId: "string", delta: "string" },
  TEXT_MESSAGE_END: { messageId: "string" },
  TEXT_MESSAGE_CHUNK: {},
  TOOL_CALL_START: { toolCallId: "string", toolCallName: "string" },
  TOOL_CALL_ARGS: { toolCallId: "string", delta: "string" },
  TOOL_CALL_END: { toolCallId: "string" },
  TOOL_CALL_CHUNK: {},
  TOOL_CALL_RESULT: { messageId: "string", toolCallId: "string", content: "any" },
  STATE_SNAPSHOT: { snapshot: "any" },
  STATE_DELTA: { delta: "array" },
  MESSAGES_SNAPSHOT: { messages: "array" },
  ACTIVITY_SNAPSHOT: { messageId: "string", activityType: "string", content: "object" },
  ACTIVITY_DELTA: { messageId: "string", activityType: "string", patch: "array" },
  REASONING_START: { messageId: "string" },
  REASONING_MESSAGE_START: { messageId: "string", role: "string" },
  REASONING_MESSAGE_CONTENT: { messageId: "string", delta: "string" },
  REASONING_MESSAGE_END: { messageId: "string" },
  REASONING_MESSAGE_CHUNK: {},
  REASONING_END: { messageId: "string" },
  REASONING_ENCRYPTED_VALUE: { subtype: "string", entityId: "string", encryptedValue: "string" },
  SUBAGENT_STARTED: { subagentRunId: "string", name: "string" },
  SUBAGENT_FINISHED: { subagentRunId: "string" },
  SUBAGENT_ERROR: { subagentRunId: "string", message: "string" },
  RAW: { event: "any" },
  CUSTOM: { name: "string", value: "any" },
} as const satisfies Record<EventType, Record<string, "string" | "array" | "object" | "any">>

export const eventTypes = Object.keys(required) as ReadonlyArray<EventType>

const jsonType = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value

/**
 * What is wrong with an event, as a sentence, or undefined when nothing is. A type that AG-UI 1.0 does not
 * name needs nothing but its `type`.
 */
export const problemOf = (event: unknown): string | undefined => {
  if (jsonType(event) !== "object") return `an event must be an object, this is ${jsonType(event)}`
  const record = event as Record<string, unknown>
  const type = record["type"]
  if (typeof type !== "string" || type === "") return "an event must have a non-empty string `type`"
  if (!Object.hasOwn(required, type)) return undefined
  for (const [field, expected] of Object.entries(required[type as EventType])) {
    const actual = jsonType(record[field])
    if (expected === "any" ? actual === "undefined" : actual !== expected) {
      return `${type} must have ${expected === "any" ? "a value" : `a ${expected}`} in \`${field}\`, this has ${actual}`
    }
  }
  return undefined
}

/** RUN_FINISHED and RUN_ERROR: only the control plane writes them into a log. */
export const endsRun = (event: LogEvent): boolean =>
  event.type === "RUN_FINISHED" || event.type === "RUN_ERROR"

export type EventOf<T extends EventType> = Extract<AgentEvent, { readonly type: T }>

/**
 * Whether an event of a log is of that type and has the fields of it.
 *
 * ```ts
 * Stream.filter(events, AgentEvent.is("TEXT_MESSAGE_CONTENT")) // a Stream of TextContent
 * ```
 */
export const is =
  <T extends EventType>(...types: ReadonlyArray<T>) =>
  (event: LogEvent): event is EventOf<T> =>
    types.includes(event.type as T) && problemOf(event) === undefined

/** Functions of events by their types. `orElse` is for the others, those of a later protocol among them. */
export type Cases<A> = { readonly [T in EventType]?: (event: EventOf<T>) => A } & {
  readonly orElse: (event: LogEvent) => A
}

/**
 * A function of events that calls the case of their type.
 *
 * ```ts
 * const text = AgentEvent.match({
 *   TEXT_MESSAGE_CONTENT: ({ delta }) => delta,
 *   RUN_FINISHED: () => "\n",
 *   orElse: () => "",
 * })
 * ```
 */
export const match =
  <C extends Cases<unknown>>(cases: C & Only<C>) =>
  (event: LogEvent): ReturnType<NonNullable<C[keyof C & keyof Cases<unknown>]>> => {
    const matched = Object.hasOwn(cases, event.type) ? cases[event.type as EventType] : undefined
    const called =
      matched !== undefined && problemOf(event) === undefined
        ? (matched as (event: LogEvent) => unknown)
        : cases.orElse
    return called(event) as ReturnType<NonNullable<C[keyof C & keyof Cases<unknown>]>>
  }

/** No case is of a type that no event has. */
type Only<C> = { readonly [K in Exclude<keyof C, keyof Cases<unknown>>]: never }
