/**
 * Replies to an agent's requests for permission. The name of the tool and its input identify the call.
 *
 * Source: docs/decisions/0016-acp-permissions.md
 */
import type {
  PermissionOption,
  RequestPermissionRequest,
  RequestPermissionResponse,
} from "@agentclientprotocol/sdk"
import { Interrupt, Interrupts } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import { Effect, Option, Predicate } from "effect"
import * as Truncation from "./Truncation.js"
import * as Questions from "./Questions.js"
import * as ToolCalls from "./ToolCalls.js"

/** The reply to a request for permission. */
export type Policy = "allow" | "deny" | "ask"

const cancelled: RequestPermissionResponse = { outcome: { outcome: "cancelled" } }

const selected = (option: PermissionOption | undefined): RequestPermissionResponse =>
  option === undefined ? cancelled : { outcome: { outcome: "selected", optionId: option.optionId } }

/** The narrowest option with this answer. */
const choose = (options: ReadonlyArray<PermissionOption>, answer: "allow" | "reject") =>
  options.find(({ kind }) => kind === `${answer}_once`) ??
  options.find(({ kind }) => kind === `${answer}_always`)

const keyOf = ({ fields }: ToolCalls.CallState): string => {
  const { kind, name, rawInput, title } = fields
  return Questions.keyOf({
    tool: name ?? kind ?? null,
    input: ToolCalls.hasInput(fields) ? rawInput : (title ?? null),
  })
}

const optionIdOf = (payload: unknown): unknown => {
  if (!Predicate.isRecord(payload)) return payload
  const { optionId, outcome } = payload
  return optionId ?? (Predicate.isRecord(outcome) ? outcome["optionId"] : undefined)
}

/** The option that an answer selects: the one that it names, or one that matches whether it approves. */
const selectOption = (answer: Interrupt.Answer, options: ReadonlyArray<PermissionOption>) => {
  if (answer.status === "cancelled") return choose(options, "reject")
  const named = options.find(({ optionId }) => optionId === optionIdOf(answer.payload))
  return named ?? choose(options, Interrupts.approved(answer) ? "allow" : "reject")
}

const interruptOf = (
  id: string,
  maxBytes: number,
  { options, toolCall }: RequestPermissionRequest,
  call: ToolCalls.CallState,
): Interrupt.Interrupt => {
  const tool = ToolCalls.nameOf(call.fields)
  const subject = toolCall.title ?? tool
  const { rawInput } = call.fields
  return {
    id,
    reason: "confirmation",
    message: Truncation.text(subject === tool ? `Allow ${subject}?` : `Allow ${tool}: ${subject}?`, 4000),
    toolName: tool.slice(0, 256),
    ...(ToolCalls.hasInput(call.fields)
      ? { toolArguments: ToolArguments.bounded(rawInput, Math.min(ToolArguments.maxBytes, maxBytes / 4)) }
      : {}),
    responseSchema: {
      type: "object",
      properties: {
        optionId: { type: "string", enum: options.map(({ optionId }) => optionId) },
        approved: { type: "boolean" },
      },
      anyOf: [{ required: ["optionId"] }, { required: ["approved"] }],
    },
    metadata: {
      options,
      toolCall: Truncation.json({ ...toolCall, toolCallId: call.id }, Math.floor((maxBytes * 3) / 4)),
    },
  }
}

/** Replies to an agent that requests permission for a call. */
export const answer = (
  policy: Policy,
  questions: Questions.Questions,
  request: RequestPermissionRequest,
  call: ToolCalls.CallState,
): Effect.Effect<RequestPermissionResponse> => {
  if (questions.isCancelled()) return Effect.succeed(cancelled)
  switch (policy) {
    case "allow":
      return Effect.succeed(selected(choose(request.options, "allow")))
    case "deny":
      return Effect.succeed(selected(choose(request.options, "reject")))
    case "ask":
      return Effect.map(
        questions.ask<PermissionOption | undefined>({
          key: keyOf(call),
          interrupt: (id, maxBytes) => interruptOf(id, maxBytes, request, call),
          reply: (answer) => Option.some(selectOption(answer, request.options)),
          isLasting: (option) => option?.kind.endsWith("_always") === true,
          cancelled: undefined,
        }),
        selected,
      )
  }
}
