/**
 * The opaque values that a provider attaches to the parts of its model's answer. Later requests must give them back.
 */
import { Prompt } from "@effect/ai"
import type { AgentEvent } from "@runlease/core"
import { Option, Schema } from "effect"

export type ProviderOptions = Prompt.ProviderOptions

const Encoded = Schema.parseJson(Prompt.ProviderOptions)

const encode = Schema.encodeSync(Encoded)

const decodeOption = Schema.decodeUnknownOption(Encoded)

/** The options in an `encryptedValue`. Empty when it is absent or malformed. */
export const decode = (encryptedValue: unknown): ProviderOptions =>
  Option.getOrElse(decodeOption(encryptedValue), () => ({}))

export const isEmpty = (options: ProviderOptions): boolean =>
  Object.values(options).every((fields) => fields === undefined)

/** The fields of both. Fields of `b` win. */
export const merge = (a: ProviderOptions, b: ProviderOptions): ProviderOptions => {
  const all: Record<string, ProviderOptions[string]> = { ...a }
  for (const [provider, fields] of Object.entries(b)) {
    if (fields !== undefined) all[provider] = { ...all[provider], ...fields }
  }
  return all
}

/** The event that writes the options of a message or a tool call into the log. */
export const toEvent = (
  subtype: "message" | "tool-call",
  entityId: string,
  options: ProviderOptions,
): AgentEvent.AgentEvent => ({
  type: "REASONING_ENCRYPTED_VALUE",
  subtype,
  entityId,
  encryptedValue: encode(options),
})
