/** The messages of a request: the last texts of the user, and those before. */
import type * as Json from "@runlease/http/Json"
import { isRecord } from "./questions"

export interface Input {
  readonly id: string
  readonly role: string
  readonly text: string
}

/** The text of a message; parts of other types by their type. */
export const textOf = (parts: ReadonlyArray<unknown>): string =>
  parts
    .flatMap((part) => {
      if (!isRecord(part)) return []
      if (part["type"] === "text" && typeof part["text"] === "string") return [part["text"]]
      if (part["type"] === "reasoning" || part["type"] === "tool_result") return []
      const name = part["toolName"] ?? part["filename"] ?? part["mediaType"]
      return [typeof name === "string" ? `[${String(part["type"])}: ${name}]` : `[${String(part["type"])}]`]
    })
    .join("\n\n")

/** The messages of the user behind the last message of anyone else, and those before them. */
export const inputsOf = (
  request: Json.Snapshot,
): { readonly last: ReadonlyArray<Input>; readonly before: ReadonlyArray<Input> } => {
  const all = request.messages
    .map(({ id, parts, role }) => ({ id, role, text: textOf(parts) }))
    .filter(({ role, text }) => text.trim() !== "" && role !== "tool")
  const end = all.findLastIndex(({ role }) => role === "user")
  let start = end
  while (start > 0 && all[start - 1]!.role === "user") start -= 1
  return end < 0
    ? { last: [], before: all }
    : { last: all.slice(start, end + 1), before: all.slice(0, start) }
}
