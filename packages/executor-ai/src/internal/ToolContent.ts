/** Converts the result of a tool call to a value for the model. */
import type { RequestSnapshot } from "@runlease/core"
import { Option, Predicate, Schema } from "effect"
import * as Media from "./Media.js"

/** `dropped`: the types of the parts that the model cannot use. */
export interface ToolContent {
  readonly result: unknown
  readonly isFailure: boolean
  readonly dropped: ReadonlyArray<string>
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** Parses a result that is JSON text, so that it is not encoded twice. */
const fromText = (content: unknown): unknown => {
  if (typeof content !== "string" || !/^\s*[[{]/.test(content)) return content
  return Option.getOrElse(parseJson(content), () => content)
}

type Part = RequestSnapshot.MessagePart

const isPart = (value: unknown): value is Part =>
  Predicate.isRecord(value) && typeof value["type"] === "string" && value["type"] !== ""

const isText = (part: Part): boolean => part.type === "text" && typeof part["text"] === "string"

/** Whether a result is a list of AG-UI parts, and not a list that a tool returned. */
const isContent = (result: unknown): result is ReadonlyArray<Part> =>
  Array.isArray(result) &&
  result.every(isPart) &&
  (result.length === 0 || result.some((part) => isText(part) || (Media.isMedia(part) && "source" in part)))

/** `error` marks a failure. The model reads it first, then the rest of the result. */
export const make = ({ error, isError, result }: Part): ToolContent => {
  const parts = isContent(result) ? result : undefined
  const value =
    parts === undefined
      ? (fromText(result) ?? null)
      : parts.flatMap((part) => (isText(part) ? String(part["text"]) : [])).join("\n")
  const dropped = (parts ?? []).flatMap((part) => (isText(part) ? [] : part.type))
  if (typeof error !== "string") return { result: value, isFailure: isError === true, dropped }
  const more = value === null || value === "" || result === error ? [] : [value]
  const texts = more.map((one) => (typeof one === "string" ? one : JSON.stringify(one)))
  return { result: [error, ...texts].join("\n"), isFailure: true, dropped }
}
