/**
 * Interrupts and their answers on the wire. (ours)
 *
 * @since 0.1.0
 */
import { Interrupt as Core, Ids } from "@runlease/core"
import { Schema } from "effect"
import { as, JsonObject, nullish, Timestamp } from "../Wire.js"

/** Without the fields that are absent or null. */
const present = <A extends object>(
  fields: A,
): { readonly [K in keyof A]?: Exclude<A[K], null | undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)) as {
    readonly [K in keyof A]?: Exclude<A[K], null | undefined>
  }

/** Something that a run waits for. */
export const Interrupt = as<Core.Interrupt>()(
  Schema.Struct({
    id: Ids.text(256),
    reason: Schema.NonEmptyString,
    message: nullish(Schema.String),
    tool_call_id: nullish(Schema.NonEmptyString),
    tool_name: nullish(Schema.NonEmptyString),
    client_tool: nullish(Schema.Boolean),
    response_schema: nullish(JsonObject),
    expires_at: nullish(Timestamp),
    metadata: nullish(JsonObject),
    subagent_run_id: nullish(Schema.String),
  }),
  {
    decode: ({ id, reason, ...wire }) => ({
      id,
      reason,
      ...present({
        message: wire.message,
        toolCallId: wire.tool_call_id,
        toolName: wire.tool_name,
        clientTool: wire.client_tool,
        responseSchema: wire.response_schema,
        expiresAt: wire.expires_at,
        metadata: wire.metadata,
        subagentRunId: wire.subagent_run_id,
      }),
    }),
    encode: (interrupt) => ({
      id: interrupt.id,
      reason: interrupt.reason,
      message: interrupt.message,
      tool_call_id: interrupt.toolCallId,
      tool_name: interrupt.toolName,
      client_tool: interrupt.clientTool,
      response_schema: interrupt.responseSchema,
      expires_at: interrupt.expiresAt,
      metadata: interrupt.metadata,
      subagent_run_id: interrupt.subagentRunId,
    }),
  },
).annotations({ identifier: "Interrupt" })

const distinct = (interrupts: ReadonlyArray<Core.Interrupt>) =>
  new Set(interrupts.map(({ id }) => id)).size === interrupts.length

/** What is asked at once. */
export const Interrupts = Schema.NonEmptyArray(Interrupt).pipe(
  Schema.maxItems(Core.maxInterrupts, {
    message: () => `must hold at most ${Core.maxInterrupts} interrupts`,
  }),
  Schema.filter(distinct, { message: () => "must not hold two interrupts with one id" }),
)

/** An answer to one of them. */
export const Answer = as<Core.Answer>()(
  Schema.Struct({
    interrupt_id: Schema.NonEmptyString,
    status: Core.Answer.fields.status,
    payload: Schema.optional(Schema.Unknown),
    is_error: nullish(Schema.Boolean),
    metadata: nullish(JsonObject),
  }),
  {
    decode: (wire) => ({
      interruptId: wire.interrupt_id,
      status: wire.status,
      ...(wire.payload === undefined ? {} : { payload: wire.payload }),
      ...(wire.is_error == null ? {} : { isError: wire.is_error }),
      ...(wire.metadata == null ? {} : { metadata: wire.metadata }),
    }),
    encode: (answer) => ({
      interrupt_id: answer.interruptId,
      status: answer.status,
      payload: answer.payload,
      is_error: answer.isError,
      metadata: answer.metadata,
    }),
  },
).annotations({ identifier: "InterruptAnswer" })

export const Answers = Schema.NonEmptyArray(Answer).pipe(
  Schema.maxItems(Core.maxInterrupts, { message: () => `must hold at most ${Core.maxInterrupts} answers` }),
)
