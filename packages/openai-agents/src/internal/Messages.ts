/** The messages of a request as items of the SDK. */
import type { AgentInputItem } from "@openai/agents-core"
import { RequestSnapshot } from "@runlease/core"
import { Predicate } from "effect"

type Message = RequestSnapshot.SnapshotMessage
type Part = RequestSnapshot.MessagePart

type UserPart = Exclude<Extract<AgentInputItem, { readonly role: "user" }>["content"], string>[number]

const textOf = (value: unknown): string => (Predicate.isString(value) ? value : "")

const firstText = (...values: ReadonlyArray<unknown>): string | undefined =>
  values.find((value): value is string => Predicate.isString(value) && value !== "")

const media = new Set(["file", "image", "document", "audio", "video", "binary"])

/** A file of the user: AG-UI has its source, other clients `url` or `data`. One without either is left out. */
const fileOf = (part: Part): ReadonlyArray<UserPart> => {
  const source = Predicate.isRecord(part["source"]) ? part["source"] : {}
  const value = source["value"]
  const data = firstText(source["type"] === "data" ? value : undefined, part["data"])
  const url = firstText(source["type"] === "url" ? value : undefined, part["url"])
  const declared = [source, part].flatMap((from) => [from["mimeType"], from["mediaType"]])
  const isImage = part.type === "image"
  const mediaType = firstText(...declared) ?? (isImage ? "image/png" : "application/octet-stream")
  const filename = firstText(part["filename"], part["fileName"], part["name"])
  const content = data === undefined || data.startsWith("data:") ? data : `data:${mediaType};base64,${data}`
  if (isImage || mediaType.startsWith("image/")) {
    const image = content ?? url
    return image === undefined ? [] : [{ type: "input_image", image }]
  }
  const file = content ?? (url === undefined ? undefined : { url })
  if (file === undefined) return []
  return [{ type: "input_file", file, ...(filename === undefined ? {} : { filename }) }]
}

const userPart = (part: Part): ReadonlyArray<UserPart> => {
  if (media.has(part.type)) return fileOf(part)
  const text = textOf(part["text"])
  return part.type === "text" && text !== "" ? [{ type: "input_text", text }] : []
}

const argumentsOf = (args: unknown): string =>
  Predicate.isString(args) ? args : (JSON.stringify(args ?? {}) ?? "{}")

const resultText = (part: Part | undefined): string => {
  if (part === undefined) return "No result of this call was recorded."
  const { error, result = null } = part
  if (Predicate.isString(error)) return error
  return Predicate.isString(result) ? result : (JSON.stringify(result) ?? "null")
}

/** Providers demand the results of calls behind them, wherever the messages have them. */
const assistantItems = (
  parts: ReadonlyArray<Part>,
  results: ReadonlyMap<unknown, Part>,
): ReadonlyArray<AgentInputItem> => {
  const made = parts.flatMap((part): ReadonlyArray<AgentInputItem> => {
    if (part.type === "tool_call") {
      const { args, toolCallId, toolName } = part
      return [
        {
          type: "function_call",
          callId: textOf(toolCallId),
          name: textOf(toolName),
          arguments: argumentsOf(args),
          status: "completed",
        },
      ]
    }
    const text = textOf(part["text"])
    return part.type === "text" && text !== ""
      ? [
          {
            type: "message",
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", text }],
          },
        ]
      : []
  })
  const outputs = made.flatMap((item): ReadonlyArray<AgentInputItem> =>
    item.type === "function_call"
      ? [
          {
            type: "function_call_result",
            callId: item.callId,
            name: item.name,
            status: "completed",
            output: { type: "text", text: resultText(results.get(item.callId)) },
          },
        ]
      : [],
  )
  return [...made, ...outputs]
}

/** A piece of context that the client adds to its messages, such as the page that its user views. */
const contextText = (entry: unknown): string =>
  Predicate.isRecord(entry) && Predicate.isString(entry["value"])
    ? `${textOf(entry["description"])}: ${entry["value"]}`
    : (JSON.stringify(entry) ?? "")

const system = (content: string): ReadonlyArray<AgentInputItem> =>
  content === "" ? [] : [{ type: "message", role: "system", content }]

/** The conversation: what the client adds to the instructions, text and files of the user, text and calls of the agent. */
export const of = (
  messages: ReadonlyArray<Message>,
  context: RequestSnapshot.RequestSnapshot["context"],
): Array<AgentInputItem> => {
  const results = new Map(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === "tool_result" ? [[part["toolCallId"], part] as const] : [])),
    ),
  )
  const items = messages.flatMap((message): ReadonlyArray<AgentInputItem> => {
    const { parts, role } = message
    if (role === "system" || role === "developer") return system(RequestSnapshot.textOf(message))
    if (role === "assistant") return assistantItems(parts, results)
    const content = role === "user" ? parts.flatMap(userPart) : []
    return content.length === 0 ? [] : [{ type: "message", role: "user", content }]
  })
  return [...system(context.length === 0 ? "" : `Context:\n${context.map(contextText).join("\n")}`), ...items]
}
