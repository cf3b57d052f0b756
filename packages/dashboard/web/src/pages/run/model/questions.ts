/** A question of a run, in one form: the summary and the log name its fields differently. */
import type * as Json from "@runlease/http/Json"

export interface Question {
  readonly id: string
  readonly reason: string
  readonly message: string | undefined
  readonly toolCallId: string | undefined
  readonly toolName: string | undefined
  /** Without the secrets, which the log may have. */
  readonly toolArguments: unknown
  /** The answer is the result of a tool that the client has. */
  readonly clientTool: boolean
  readonly schema: Readonly<Record<string, unknown>> | undefined
  readonly expiresAt: number | null
  readonly metadata: Readonly<Record<string, unknown>> | undefined
}

export interface Answer {
  readonly interruptId: string
  readonly status: "resolved" | "cancelled"
  readonly payload: unknown
  readonly isError: boolean
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const instantOf = (value: unknown): number | null => {
  const instant = typeof value === "string" ? Date.parse(value) : Number.NaN
  return Number.isNaN(instant) ? null : instant
}

/** From an interrupt of the summary, or of the log. */
export const questionOf = (value: unknown): Question | undefined => {
  if (!isRecord(value)) return undefined
  const id = text(value["id"])
  if (id === undefined) return undefined
  const schema = value["responseSchema"] ?? value["response_schema"]
  const metadata = value["metadata"]
  return {
    id,
    reason: text(value["reason"]) ?? "input_required",
    message: text(value["message"]),
    toolCallId: text(value["toolCallId"]) ?? text(value["tool_call_id"]),
    toolName: text(value["toolName"]) ?? text(value["tool_name"]),
    toolArguments: value["toolArguments"] ?? value["tool_arguments"],
    clientTool: (value["clientTool"] ?? value["client_tool"]) === true,
    schema: isRecord(schema) ? schema : undefined,
    expiresAt: instantOf(value["expiresAt"] ?? value["expires_at"]),
    metadata: isRecord(metadata) ? metadata : undefined,
  }
}

/** Begins the text in the place of a secret that the store has sealed. */
const sealed = "runlease-sealed:"

/** A value as people see it. */
const withoutSealed = (value: unknown): unknown => {
  if (typeof value === "string") return value.startsWith(sealed) ? "<redacted>" : value
  if (Array.isArray(value)) return value.map(withoutSealed)
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutSealed(inner)]))
    : value
}

/** From an answer of the summary, or of the request. */
export const answerOf = (value: unknown): Answer | undefined => {
  if (!isRecord(value)) return undefined
  const id = text(value["interruptId"]) ?? text(value["interrupt_id"])
  if (id === undefined) return undefined
  return {
    interruptId: id,
    status: value["status"] === "cancelled" ? "cancelled" : "resolved",
    payload: withoutSealed(value["payload"]),
    isError: (value["isError"] ?? value["is_error"]) === true,
  }
}

const isQuestion = (question: Question | undefined): question is Question => question !== undefined

/** What the run waits for and has no answer to. */
export const openQuestions = (waiting: Json.RunSummary["waiting"]): ReadonlyArray<Question> => {
  if (waiting === null) return []
  const answered = new Set(waiting.answers.map((answer) => answerOf(answer)?.interruptId))
  return waiting.interrupts
    .map(questionOf)
    .filter(isQuestion)
    .filter(({ id }) => !answered.has(id))
}

/** The answers so far, by what they answer; the last one counts. */
export const answersById = (
  request: { readonly resume?: ReadonlyArray<unknown> | undefined } | undefined,
  waiting: Json.RunSummary["waiting"],
): ReadonlyMap<string, Answer> => {
  const all = new Map<string, Answer>()
  for (const one of [...(request?.resume ?? []), ...(waiting?.answers ?? [])]) {
    const answer = answerOf(one)
    if (answer !== undefined) all.set(answer.interruptId, answer)
  }
  return all
}
