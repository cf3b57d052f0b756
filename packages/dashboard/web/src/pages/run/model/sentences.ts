/** Texts and values in a few words. */
import { isRecord } from "./questions"
import type { ToolPart } from "./parts"

const plain = (markdown: string): string =>
  markdown
    .replaceAll(/```[\s\S]*?(```|$)/g, " ")
    .replaceAll(/[`*_#>]+/g, "")
    .replaceAll(/\s+/g, " ")
    .trim()

export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`

const editWord: Readonly<Record<string, string>> = {
  step: "step",
  tool_call_id: "call",
  message_id: "text",
  interrupt_id: "answer to",
  agent_id: "agent",
}

/** What an edit of a fork is of: `step search`, `the payload`. */
export const editWords = (edit: Readonly<Record<string, unknown>>): string => {
  const name = Object.keys(editWord).find((key) => typeof edit[key] === "string")
  if (name !== undefined) return `${editWord[name]} ${String(edit[name])}`
  return edit["type"] === "input" ? "the payload" : "the message of the user"
}

/** The last sentences of a text, as many as fit into 140 characters. */
export const lastSentence = (markdown: string): string => {
  const text = plain(markdown.slice(-4000))
  const sentences = text.split(/(?<=[.!?])\s+(?=\p{Lu})/u)
  let last = cut(sentences.at(-1) ?? "", 140)
  for (const sentence of sentences.slice(0, -1).toReversed()) {
    if (sentence.length + 1 + last.length > 140) break
    last = `${sentence} ${last}`
  }
  return last
}

/** JSON that may be cut off in its middle: undefined then. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const oneLine = (value: unknown): string =>
  (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).replaceAll(/\s+/g, " ").trim()

/** The members that say what a call does, the most telling first. */
const telling = ["command", "cmd", "path", "file_path", "file", "url", "query", "pattern", "name", "text"]

/** The arguments of a call as text: those of the question about it, which has no secrets, else those of the log. */
export const argumentsOf = ({ args, question }: Pick<ToolPart, "args" | "question">): string =>
  question?.toolArguments === undefined ? args : JSON.stringify(question.toolArguments)

export const argumentsLine = (args: string): string => {
  const value = parseJson(args)
  if (value === undefined) return cut(oneLine(args), 400)
  if (!isRecord(value)) return cut(oneLine(value), 400)
  const entries = Object.entries(value)
  const key = telling.find((name) => typeof value[name] === "string")
  if (key !== undefined && (entries.length === 1 || key !== "name")) {
    const rest = entries.filter(
      ([name, one]) => name !== key && typeof one !== "object" && oneLine(one).length < 40,
    )
    return cut([oneLine(value[key]), ...rest.map(([name, one]) => `${name} ${oneLine(one)}`)].join(", "), 400)
  }
  return cut(entries.map(([name, one]) => `${name} ${oneLine(one)}`).join(", "), 400)
}

/** The text of a result: that of its parts where it has some, else its JSON. */
export const resultText = (content: unknown): string => {
  const value = typeof content === "string" ? (parseJson(content) ?? content) : content
  if (typeof value === "string") return value
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((part) => isRecord(part) && typeof part["text"] === "string")
  ) {
    return value.map((part: Record<string, unknown>) => String(part["text"])).join("\n")
  }
  return JSON.stringify(value, null, 2) ?? ""
}

/** A result in a few words: its first line that says something. */
export const resultLine = (content: unknown): string => {
  const value = typeof content === "string" ? (parseJson(content) ?? content) : content
  if (value === null || value === undefined) return ""
  if (isRecord(value)) {
    const key = ["summary", "message", "status", "result", "output", "error"].find(
      (name) => typeof value[name] === "string",
    )
    return cut(oneLine(key === undefined ? value : value[key]), 60)
  }
  const line = resultText(content)
    .split("\n")
    .find((one) => one.trim() !== "")
  return cut((line ?? "").trim(), 60)
}
