/** What a question is about, as the agent writes it into the metadata of the interrupt. */
import { type Question, isRecord } from "./questions"

/** A part of it: a field, or the whole where it has none. `lines` is text that has its own line breaks, and `diff` a unified diff. */
export interface AboutPart {
  readonly name: string | undefined
  readonly kind: "line" | "lines" | "diff" | "json"
  readonly text: string
}

const isDiff = (text: string): boolean =>
  /^@@ .*@@/m.test(text) || (/^--- /m.test(text) && /^\+\+\+ /m.test(text))

const partOf = (name: string | undefined, value: unknown): AboutPart => {
  if (typeof value === "string") {
    return { name, kind: isDiff(value) ? "diff" : value.includes("\n") ? "lines" : "line", text: value }
  }
  return typeof value === "object" && value !== null
    ? { name, kind: "json", text: JSON.stringify(value, null, 2) }
    : { name, kind: "line", text: String(value) }
}

/** The parts of what a question is about; none where it does not say. */
export const aboutOf = ({ metadata }: Pick<Question, "metadata">): ReadonlyArray<AboutPart> => {
  const about = metadata?.["about"]
  if (about === undefined) return []
  return isRecord(about)
    ? Object.entries(about).map(([name, value]) => partOf(name, value))
    : [partOf(undefined, about)]
}

export const besideOf = ({ metadata = {} }: Pick<Question, "metadata">): ReadonlyArray<[string, unknown]> =>
  Object.entries(metadata).filter(([name]) => name !== "about")
