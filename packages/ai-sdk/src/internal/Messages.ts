/** The messages of a request as those of the SDK. */
import { RequestSnapshot } from "@runlease/core"
import type { AssistantContent, JSONValue, ModelMessage, UserContent } from "ai"
import { Option, Predicate, Schema } from "effect"

type Message = RequestSnapshot.SnapshotMessage
type Part = RequestSnapshot.MessagePart

type AssistantPart = Exclude<AssistantContent, string>[number]
type UserPart = Exclude<UserContent, string>[number]
type ToolPart = Extract<ModelMessage, { readonly role: "tool" }>["content"][number]

const textOf = (value: unknown): string => (Predicate.isString(value) ? value : "")

const firstText = (...values: ReadonlyArray<unknown>): string | undefined =>
  values.find((value): value is string => Predicate.isString(value) && value !== "")

const media = new Set(["file", "image", "document", "audio", "video", "binary"])

const asUrl = Option.liftThrowable((text: string) => new URL(text))

/** A file of the user: AG-UI has its source, other clients `url` or `data`. One without either is left out. */
const fileOf = (part: Part): ReadonlyArray<UserPart> => {
  const source = Predicate.isRecord(part["source"]) ? part["source"] : {}
  const value = source["value"]
  const data = firstText(source["type"] === "data" ? value : undefined, part["data"])
  const url = firstText(source["type"] === "url" ? value : undefined, part["url"])
  const content = data ?? Option.getOrUndefined(asUrl(url ?? ""))
  if (content === undefined) return []
  const declared = [source, part].flatMap((from) => [from["mimeType"], from["mediaType"]])
  const mediaType = firstText(...declared) ?? (part.type === "image" ? "image/*" : "application/octet-stream")
  const filename = firstText(part["filename"], part["fileName"], part["name"])
  return [{ type: "file", data: content, mediaType, ...(filename === undefined ? {} : { filename }) }]
}

const userPart = (part: Part): ReadonlyArray<UserPart> => {
  if (media.has(part.type)) return fileOf(part)
  const text = textOf(part["text"])
  return part.type === "text" && text !== "" ? [{ type: "text", text }] : []
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

const inputOf = (args: unknown): unknown => {
  const parsed = Predicate.isString(args) ? Option.getOrUndefined(parseJson(args)) : args
  return Predicate.isRecord(parsed) ? parsed : {}
}

const assistantPart = (part: Part): ReadonlyArray<AssistantPart> => {
  if (part.type === "tool_call") {
    const { args, toolCallId, toolName } = part
    return [
      {
        type: "tool-call",
        toolCallId: textOf(toolCallId),
        toolName: textOf(toolName),
        input: inputOf(args),
      },
    ]
  }
  const text = textOf(part["text"])
  return part.type === "text" && text !== "" ? [{ type: "text", text }] : []
}

type Output = Extract<ToolPart, { readonly type: "tool-result" }>["output"]

const outputOf = (part: Part | undefined): Output => {
  if (part === undefined) return { type: "error-text", value: "No result of this call was recorded." }
  const { error, isError, result = null } = part
  if (Predicate.isString(error)) return { type: "error-text", value: error }
  if (!Predicate.isString(result)) return { type: "json", value: result as JSONValue }
  return { type: isError === true ? "error-text" : "text", value: result }
}

/** Providers demand the results of calls right behind them, wherever the messages have them. */
const resultsOf = (
  content: ReadonlyArray<AssistantPart>,
  results: ReadonlyMap<unknown, Part>,
): ReadonlyArray<ModelMessage> => {
  const parts = content.flatMap((part): ReadonlyArray<ToolPart> => {
    if (part.type !== "tool-call") return []
    const { toolCallId, toolName } = part
    return [{ type: "tool-result", toolCallId, toolName, output: outputOf(results.get(toolCallId)) }]
  })
  return parts.length === 0 ? [] : [{ role: "tool", content: parts }]
}

/** The conversation, without the instructions: text and files of the user, text and calls of the agent. */
export const of = (messages: ReadonlyArray<Message>): Array<ModelMessage> => {
  const results = new Map(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === "tool_result" ? [[part["toolCallId"], part] as const] : [])),
    ),
  )
  return messages.flatMap(({ parts, role }): ReadonlyArray<ModelMessage> => {
    if (role === "user") {
      const content = parts.flatMap(userPart)
      return content.length === 0 ? [] : [{ role, content }]
    }
    if (role !== "assistant") return []
    const content = parts.flatMap(assistantPart)
    return content.length === 0 ? [] : [{ role, content }, ...resultsOf(content, results)]
  })
}

/** A piece of context that the client adds to its messages, such as the page that its user views. */
const contextText = (entry: unknown): string =>
  Predicate.isRecord(entry) && Predicate.isString(entry["value"])
    ? `${textOf(entry["description"])}: ${entry["value"]}`
    : (JSON.stringify(entry) ?? "")

/** What the client adds to the instructions of the agent. */
export const instructionsOf = ({
  context,
  messages,
}: RequestSnapshot.RequestSnapshot): ReadonlyArray<string> =>
  [
    ...messages.flatMap((message) =>
      message.role === "system" || message.role === "developer" ? RequestSnapshot.textOf(message) : [],
    ),
    context.length === 0 ? "" : `Context:\n${context.map(contextText).join("\n")}`,
  ].filter((text) => text !== "")
