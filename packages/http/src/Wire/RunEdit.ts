/** An edit of a fork on the wire. (ours) */
import { RunEdits } from "@runlease/core"
import { Schema } from "effect"
import { absent, atMost, choice, renamed } from "../Wire.js"

const { agent, answer, input, message, step, text, tool } = RunEdits.fields

const key = <A, I>(name: string, schema: Schema.Schema<A, I>) =>
  Schema.propertySignature(schema).pipe(Schema.fromKey(name))

/** The edit of a type: what it replaces, and the value. */
const Edit = Schema.Union(
  renamed({
    type: step.type,
    step: step.step.annotations({
      description: "The name of the step, or its id where several have the name",
    }),
    result: step.result.annotations({ description: "Its result, any JSON; absent for a step without one" }),
  }).annotations({ identifier: "StepEdit" }),
  renamed({
    type: tool.type,
    toolCallId: key("tool_call_id", tool.toolCallId),
    result: tool.result.annotations({ description: "What the model reads: text, or any JSON as its text" }),
    isError: absent(Schema.Boolean).pipe(Schema.fromKey("is_error")),
  }).annotations({ identifier: "ToolEdit" }),
  renamed({
    type: text.type,
    messageId: key("message_id", text.messageId),
    text: text.text,
  }).annotations({ identifier: "TextEdit" }),
  renamed({
    type: answer.type,
    interruptId: key("interrupt_id", answer.interruptId),
    payload: answer.payload,
  }).annotations({ identifier: "AnswerEdit" }),
  renamed(message).annotations({ identifier: "MessageEdit" }),
  renamed(input).annotations({ identifier: "InputEdit" }),
  renamed({
    type: agent.type,
    agentId: key("agent_id", agent.agentId),
    version: agent.version.annotations({
      description: "The fork is pinned to this version of workers; empty for workers without one",
    }),
  }).annotations({ identifier: "AgentEdit" }),
)

/** Of more edits, none is read. The rules refuse those beyond 100, and say how many there are. */
const mostRead = 10 * RunEdits.maxEdits

/** The edits of a fork. */
export const Edits: Schema.Schema<ReadonlyArray<RunEdits.Edit>, ReadonlyArray<unknown>> = Schema.Array(
  choice("type", Edit),
).pipe(atMost(mostRead))
