/**
 * Edits of a fork: what it has in place of what its run had. An edited value counts as recorded.
 *
 * Source: docs/decisions/0157-forks-with-edits.md
 */
import { Option, Schema } from "effect"
import { custom, type LogEvent } from "./AgentEvent.js"
import * as Ids from "./Ids.js"

/** The most edits of a fork. */
export const maxEdits = 100

const name = Schema.NonEmptyString.pipe(Schema.maxLength(1000))

/** Where an edit is, by its type. */
const places = {
  step: { type: Schema.Literal("step"), step: name },
  tool: { type: Schema.Literal("tool"), toolCallId: name },
  text: { type: Schema.Literal("text"), messageId: name },
  answer: { type: Schema.Literal("answer"), interruptId: name },
  message: { type: Schema.Literal("message") },
  input: { type: Schema.Literal("input") },
  agent: { type: Schema.Literal("agent"), agentId: Ids.NewAgentId },
} as const

/** The fields of each type of edit. */
export const fields = {
  step: { ...places.step, result: Schema.optional(Schema.Unknown) },
  tool: { ...places.tool, result: Schema.Unknown, isError: Schema.optional(Schema.Boolean) },
  text: { ...places.text, text: Schema.NonEmptyString },
  answer: { ...places.answer, payload: Schema.Unknown },
  message: { ...places.message, text: Schema.NonEmptyString },
  input: { ...places.input, input: Schema.Unknown },
  agent: { ...places.agent, version: Schema.optional(Ids.RunVersion) },
} as const

/**
 * One edit.
 *
 * `step`: the result of the step with that name or id; absent for a step without a value. `tool`: the result of a call, `isError` for a
 * failure. `text`: the text of a message that the agent wrote. `answer`: the answer to a question. `message`: the text of the last message of the
 * user. `input`: the payload. `agent`: the agent that does the fork, and the version of workers that it is pinned to.
 */
export const Edit = Schema.Union(
  Schema.Struct(fields.step),
  Schema.Struct(fields.tool),
  Schema.Struct(fields.text),
  Schema.Struct(fields.answer),
  Schema.Struct(fields.message),
  Schema.Struct(fields.input),
  Schema.Struct(fields.agent),
)
export type Edit = typeof Edit.Type

/** The edits of one type. */
export type EditOf<T extends Edit["type"]> = Extract<Edit, { readonly type: T }>

export const editsEventName = "runlease.edits"

const Listed = Schema.Union(
  Schema.Struct({ ...places.step, step_id: Schema.String }),
  Schema.Struct({ type: places.tool.type, tool_call_id: Schema.String }),
  Schema.Struct({ type: places.text.type, message_id: Schema.String }),
  Schema.Struct({ type: places.answer.type, interrupt_id: Schema.String }),
  Schema.Struct(places.message),
  Schema.Struct(places.input),
  Schema.Struct({
    type: places.agent.type,
    agent_id: Schema.String,
    before: Schema.String,
    version: Schema.optional(Schema.String),
  }),
)

/** Where a value was edited. The value is in the log or in the request of the fork. */
export type Listed = typeof Listed.Type

const EventValue = Schema.Struct({
  run_id: Ids.RunId,
  after: Schema.NonNegativeInt,
  by: Schema.optional(Schema.String),
  edits: Schema.NonEmptyArray(Listed),
})

/** Which run was forked after which event, who did it, and what was edited. */
export type EditsEvent = typeof EventValue.Type

/** The event at the beginning of the log of such a fork. The control plane writes it. */
export const toEvent = (value: EditsEvent): LogEvent => custom(editsEventName, value)

/** Whether an event has that name. */
export const isEdits = ({ name, type }: LogEvent): boolean => type === "CUSTOM" && name === editsEventName

const decode = Schema.decodeUnknownOption(EventValue)

/** What an event of the control plane says of edits, if it does. */
export const fromEvent = (event: LogEvent): Option.Option<EditsEvent> =>
  isEdits(event) ? decode(event["value"]) : Option.none()
