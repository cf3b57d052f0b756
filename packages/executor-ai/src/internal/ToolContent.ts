/** What a model reads of the result of a call. */
import type { RequestSnapshot } from "@runlease/core"
import { Option, Predicate, Schema } from "effect"
import * as Media from "./Media.js"

/** The value for the model, and the kinds of the parts that it cannot use. */
export interface ToolContent {
  readonly result: unknown
  readonly isFailure: boolean
  readonly dropped: ReadonlyArray<string>
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** A result that is JSON text is told as what it says, so that it is not encoded twice. */
export const ofText = (content: unknown): unknown => {
  if (typeof content !== "string" || !/^\s*[[{]/.test(content)) return content
  return Option.getOrElse(parseJson(content), () => content)
}

type Part = RequestSnapshot.MessagePart

const isPart = (value: unknown): value is Part =>
  Predicate.isRecord(value) && typeof value["type"] === "string" && value["type"] !== ""

const isText = (part: Part): boolean => part.type === "text" && typeof part["text"] === "string"

/** Parts as AG-UI has them, and no list that a tool gave. */
const isContent = (result: unknown): result is ReadonlyArray<Part> =>
  Array.isArray(result) &&
  result.every(isPart) &&
  (result.length === 0 || result.some((part) => isText(part) || (Media.isMedia(part) && "source" in part)))

/** `error` marks a failure and says what the model must read; what else there is follows it. */
export const make = ({ error, isError, result }: Part): ToolContent => {
  const parts = isContent(result) ? result : undefined
  const value =
    parts === undefined
      ? (ofText(result) ?? null)
      : parts.flatMap((part) => (isText(part) ? String(part["text"]) : [])).join("\n")
  const dropped = (parts ?? []).flatMap((part) => (isText(part) ? [] : part.type))
  if (typeof error !== "string") return { result: value, isFailure: isError === true, dropped }
  const more = value === null || value === "" || result === error ? [] : [value]
  const texts = more.map((one) => (typeof one === "string" ? one : JSON.stringify(one)))
  return { result: [error, ...texts].join("\n"), isFailure: true, dropped }
}
