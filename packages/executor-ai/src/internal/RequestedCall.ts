/** A tool call in a model's answer. */
import type { PastAttempts } from "@runlease/core/executor"
import { Option, Predicate, Schema } from "effect"
import type * as ProviderOptions from "./ProviderOptions.js"

/** A call that the executor must answer. `args` is JSON text. `problem` says why the call cannot be made. */
export interface RequestedCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly args: string
  readonly params: unknown
  readonly problem: string | undefined
}

/** A call while the model is writing it. */
export interface CallBlock {
  readonly kind: "call"
  readonly toolCallId: string
  readonly toolName: string
  /** Whether the provider makes the call itself. */
  readonly byProvider: boolean
  args: string
  params: unknown
  options: ProviderOptions.ProviderOptions
  /** Whether all arguments have arrived. */
  complete: boolean
  /** Whether the provider has sent a result. */
  answered: boolean
  problem: string | undefined
}

export const make = (toolCallId: string, toolName: string, byProvider: boolean): CallBlock => ({
  kind: "call",
  toolCallId,
  toolName,
  byProvider,
  args: "",
  params: {},
  options: {},
  complete: false,
  answered: false,
  problem: undefined,
})

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** Why a call with these incomplete arguments cannot be made. */
export const problemOf = (args: string): string =>
  Option.isNone(parseJson(args))
    ? `The arguments are not valid JSON: ${args.slice(0, 500)}`
    : "There is no such tool, or its arguments are not a JSON object."

/** The arguments of a call as an object, which providers demand. */
export const paramsOf = (args: unknown): Record<string, unknown> => {
  const parsed = typeof args === "string" ? Option.getOrUndefined(parseJson(args)) : args
  return Predicate.isRecord(parsed) ? parsed : {}
}

/** A call of a whole answer in the log. */
export const fromLog = (
  { args, toolCallId, toolName }: PastAttempts.LoggedCall,
  problem?: string,
): RequestedCall => ({ toolCallId, toolName, args, params: paramsOf(args), problem })

/** The call for the executor, which makes only those that the provider does not. */
export const toRequested = (call: CallBlock): ReadonlyArray<RequestedCall> => {
  const { args, params, problem, toolCallId, toolName } = call
  return call.byProvider ? [] : [{ toolCallId, toolName, args, params, problem }]
}
