/** The messages and the runs of a conversation, in the order in which they came. */
import type * as Json from "@runlease/http/Json"

type Part = Json.ConversationMessage["parts"][number]

/** What is shown of a part of a message. */
export type PartView =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  | { readonly type: "call"; readonly name: string; readonly json: string }
  | { readonly type: "result"; readonly json: string; readonly isError: boolean }
  | { readonly type: "file"; readonly name: string }
  | { readonly type: "other"; readonly name: string; readonly json: string }

const jsonOf = (value: unknown): string => {
  if (typeof value !== "string") return JSON.stringify(value ?? null, null, 2)
  try {
    return JSON.stringify(JSON.parse(value), null, 2)
  } catch {
    return value
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

export const viewOf = (part: Part): PartView => {
  const text = textOf(part["text"])
  switch (part.type) {
    case "text":
      return { type: "text", text: text ?? "" }
    case "reasoning":
      return { type: "reasoning", text: text ?? "" }
    case "tool_call":
      return {
        type: "call",
        name: textOf(part["toolName"]) ?? "tool",
        json: jsonOf(part["args"]),
      }
    case "tool_result":
      return { type: "result", json: jsonOf(part["result"]), isError: part["isError"] === true }
    case "file": {
      const name = textOf(part["filename"]) ?? textOf(part["mediaType"]) ?? "File"
      return { type: "file", name }
    }
    default: {
      const { type: _, ...rest } = part
      return { type: "other", name: part.type, json: jsonOf(rest) }
    }
  }
}

export type TimelineItem =
  | { readonly type: "message"; readonly at: string; readonly message: Json.ConversationMessage }
  | { readonly type: "run"; readonly at: string; readonly run: Json.RunSummary; readonly isTitled: boolean }

/** The text of a message as a title has it: in one line, as far as the title goes. */
const firstText = ({ parts }: Json.ConversationMessage): string =>
  parts
    .flatMap((part) => (part.type === "text" ? [textOf(part["text"]) ?? ""] : []))
    .join("")
    .replace(/\s+/g, " ")
    .trim()

/** Whether the title of a run says more than the message before it. */
const saysMore = (run: Json.RunSummary, before: TimelineItem | undefined): boolean => {
  if (run.title === null || before?.type !== "message") return run.title !== null
  const title = run.title.replace(/\s+/g, " ").replace(/…$/, "").trim()
  return !firstText(before.message).startsWith(title)
}

/** A message comes before the run that was submitted with it. `runs`: in any order. */
export const timelineOf = (
  messages: ReadonlyArray<Json.ConversationMessage>,
  runs: ReadonlyArray<Json.RunSummary>,
): ReadonlyArray<TimelineItem> => {
  const items: Array<TimelineItem> = [
    ...messages.map((message) => ({ type: "message" as const, at: message.created_at, message })),
    ...runs.map((run) => ({ type: "run" as const, at: run.created_at, run, isTitled: true })),
  ]
  const sorted = items.toSorted((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1))
  return sorted.map((item, index) =>
    item.type === "run" ? { ...item, isTitled: saysMore(item.run, sorted[index - 1]) } : item,
  )
}
