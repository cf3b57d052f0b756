/** The parts of a model's answer, as they are recorded and read. */
import type { LanguageModelMiddleware } from "ai"
import { Encoding, Predicate } from "effect"

export type StreamResult = Awaited<ReturnType<NonNullable<LanguageModelMiddleware["wrapStream"]>>>

export type GenerateResult = Awaited<ReturnType<NonNullable<LanguageModelMiddleware["wrapGenerate"]>>>

export type StreamPart = StreamResult["stream"] extends ReadableStream<infer Part> ? Part : never

type Delta = Extract<StreamPart, { readonly delta: string }>

const isDelta = (part: StreamPart): part is Delta => "delta" in part

/** Collects the parts of an answer. Deltas that follow each other become one, so the record is no larger than the answer. */
export const collector = () => {
  const parts: Array<StreamPart> = []
  return {
    add: (part: StreamPart): void => {
      if (part.type === "raw" || part.type === "ping") return
      const last = parts.at(-1)
      if (
        last !== undefined &&
        isDelta(part) &&
        isDelta(last) &&
        part.type === last.type &&
        part.id === last.id &&
        part.providerMetadata === undefined
      ) {
        parts[parts.length - 1] = { ...last, delta: last.delta + part.delta }
        return
      }
      parts.push(part)
    },
    parts: (): ReadonlyArray<StreamPart> => parts,
  }
}

/** A value as JSON has it. Bytes are base64, which the SDK takes in their place. */
export const toJson = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Encoding.encodeBase64(value)
  if (value instanceof Date || value instanceof URL) return value.toJSON()
  if (Array.isArray(value)) return value.map(toJson)
  return Predicate.isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)]))
    : value
}

/** A part, or what a response says of itself, with its time as a Date again. */
export const fromJson = <A>(value: A): A =>
  Predicate.isRecord(value) && Predicate.isString(value["timestamp"])
    ? ({ ...value, timestamp: new Date(value["timestamp"]) } as A)
    : value
