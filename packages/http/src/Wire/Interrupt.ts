/** Interrupts and their answers on the wire. (ours) */
import { Interrupt as Core, Ids } from "@runlease/core"
import { Schema } from "effect"
import { absent, atMost, JsonObject, renamed, Timestamp } from "../Wire.js"

/** Something that a run waits for. */
export const Interrupt = renamed({
  id: Ids.text(256),
  reason: Schema.NonEmptyString,
  message: absent(Schema.String),
  toolCallId: absent(Schema.NonEmptyString).pipe(Schema.fromKey("tool_call_id")),
  toolName: absent(Schema.NonEmptyString).pipe(Schema.fromKey("tool_name")),
  toolArguments: absent(Schema.Unknown).pipe(Schema.fromKey("tool_arguments")),
  clientTool: absent(Schema.Boolean).pipe(Schema.fromKey("client_tool")),
  responseSchema: absent(JsonObject).pipe(Schema.fromKey("response_schema")),
  expiresAt: absent(Timestamp).pipe(Schema.fromKey("expires_at")),
  metadata: absent(JsonObject),
  subagentRunId: absent(Schema.String).pipe(Schema.fromKey("subagent_run_id")),
}).annotations({ identifier: "Interrupt" })

const distinct = (interrupts: ReadonlyArray<Core.Interrupt>) =>
  new Set(interrupts.map(({ id }) => id)).size === interrupts.length

/** The interrupts that a run opens together. */
export const Interrupts = Schema.NonEmptyArray(Interrupt).pipe(
  Schema.filter(distinct, { message: () => "must not hold two interrupts with one id" }),
  atMost(Core.maxInterrupts),
)

export const Answer = renamed({
  interruptId: Schema.NonEmptyString,
  status: Core.Answer.fields.status,
  payload: Schema.optional(Schema.Unknown),
  isError: absent(Schema.Boolean).pipe(Schema.fromKey("is_error")),
  metadata: absent(JsonObject),
}).annotations({ identifier: "InterruptAnswer" })

export const Answers = Schema.NonEmptyArray(Answer).pipe(atMost(Core.maxInterrupts))
