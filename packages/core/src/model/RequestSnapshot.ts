/** The request of a run, frozen when it was submitted. */
import { Predicate, Schema } from "effect"
import { Answer } from "./Interrupt.js"
import { Trial } from "./Trial.js"

/** A part of a message. Any `type` is allowed: text, tool call, tool result, file and more. */
export const MessagePart = Schema.Struct(
  { type: Schema.NonEmptyString },
  { key: Schema.String, value: Schema.Unknown },
)
export type MessagePart = typeof MessagePart.Type

export const SnapshotMessage = Schema.Struct({
  id: Schema.String,
  role: Schema.String,
  parts: Schema.Array(MessagePart),
  metadata: Schema.optional(Schema.Unknown),
  createdAt: Schema.optional(Schema.String),
})
export type SnapshotMessage = typeof SnapshotMessage.Type

/**
 * What a request carries: messages of earlier runs of its conversation, which are not written again. A store returns them with the
 * request. A run that is deleted takes its messages with it.
 *
 * `lead`: how many of the request's own messages stand before them. `runs`: the runs, from the oldest on, with the bytes of their own
 * messages and of their output, up to event `upTo` of the log; `open`: the run had not ended then, so it may have more; `out`: the run is named and its messages are left out, since the others are as much as a request may be. `output`: that of some of these runs, which the request of no
 * other has. `without`: ids of messages that are left out. `title`: that of the request where it says nothing of a user itself.
 */
export const Carried = Schema.Struct({
  lead: Schema.NonNegativeInt,
  runs: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      own: Schema.NonNegativeInt,
      output: Schema.NonNegativeInt,
      upTo: Schema.NonNegativeInt,
      open: Schema.optional(Schema.Literal(true)),
      out: Schema.optional(Schema.Literal(true)),
    }),
  ),
  output: Schema.Array(Schema.Struct({ id: Schema.String, messages: Schema.Array(SnapshotMessage) })),
  without: Schema.Array(Schema.String),
  title: Schema.NullOr(Schema.String),
})
export type Carried = typeof Carried.Type

/** The W3C trace context of the submitter. */
export const TraceContext = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  traceFlags: Schema.Int,
})

/**
 * The request that an executor turns into events. Absent optional fields are absent, never null.
 *
 * `resume`: every answer that this run has received so far, oldest first. The control plane alone adds them, so a submission has none. One to
 * a tool call is a message as well. `protocol`: the protocol of the client that sent this, where its rules say what a later input of the
 * same client means for the run.
 * `asOf`: the event of the log up to which the messages say what happened, where they came after the run had begun. Executors
 * get neither. `trial`: the trial that the run is in, see `Trial`. `carries`: messages that a store adds to those of the request before it returns it. `input`: the payload of a typed agent (see `Agent`), any JSON, with the messages or in place of them.
 * `title`: the name of the run in lists, where its agent makes one.
 */
export const RequestSnapshot = Schema.Struct({
  messages: Schema.Array(SnapshotMessage),
  carries: Schema.optional(Carried),
  input: Schema.optional(Schema.Unknown),
  title: Schema.optional(Schema.String),
  tools: Schema.Array(Schema.Unknown),
  context: Schema.Array(Schema.Unknown),
  forwardedProps: Schema.optional(Schema.Unknown),
  /** What the client and the agent share, as the client has it. */
  state: Schema.optional(Schema.Unknown),
  traceContext: Schema.optional(TraceContext),
  protocol: Schema.optional(Schema.Literal("ag-ui")),
  asOf: Schema.optional(Schema.NonNegativeInt),
  resume: Schema.optional(Schema.Array(Answer)),
  trial: Schema.optional(Trial),
})
export type RequestSnapshot = typeof RequestSnapshot.Type

export const empty: RequestSnapshot = { messages: [], tools: [], context: [] }

export const forExecutor = (snapshot: RequestSnapshot): RequestSnapshot => {
  if (snapshot.protocol === undefined && snapshot.asOf === undefined) return snapshot
  const { asOf: _asOf, protocol: _protocol, ...rest } = snapshot
  return rest
}

export const textPart = (text: string): MessagePart => ({ type: "text", text })

/** A snapshot that holds one user message of plain text. */
export const fromText = (text: string, id = "message-1"): RequestSnapshot => ({
  ...empty,
  messages: [{ id, role: "user", parts: [textPart(text)] }],
})

/** The text parts of one message, joined. */
export const textOf = (message: SnapshotMessage): string =>
  message.parts
    .flatMap((part) => (part.type === "text" && typeof part["text"] === "string" ? [part["text"]] : []))
    .join("")

/** The text of the last user message, or the empty string when there is none. */
export const lastUserText = (snapshot: RequestSnapshot): string => {
  const message = snapshot.messages.findLast((candidate) => candidate.role === "user")
  return message === undefined ? "" : textOf(message)
}

/** The messages of the user at the end of a request, after the last message of anyone else. */
export const trailingUserMessages = (snapshot: RequestSnapshot | undefined): ReadonlyArray<SnapshotMessage> =>
  snapshot === undefined
    ? []
    : snapshot.messages.slice(snapshot.messages.findLastIndex(({ role }) => role !== "user") + 1)

/** The most characters of a title that is a text of a user. */
const maxTitle = 120

/** The most characters of a name: the title that an agent makes, or a field of a payload. */
const maxName = 80

/** A text on one line, cut off at the end; null where nothing is left. A text may be long, so only its beginning is read. */
const lineOf = (text: string, most: number): string | null => {
  const line = text
    .slice(0, 10 * most)
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
  return line === "" ? null : Array.from(line.toWellFormed()).slice(0, most).join("").trimEnd()
}

const isInstant = (text: string): boolean => /^\d{4}-\d{2}-\d{2}T\d{2}:/.test(text)

/** The first text of a payload, or in its fields; null where there is none. A time says nothing of a run. */
const ofPayload = (input: unknown): string | null => {
  if (typeof input === "string") return lineOf(input, maxName)
  if (!Predicate.isRecord(input) || Array.isArray(input)) return null
  for (const value of Object.values(input)) {
    const line = typeof value === "string" && !isInstant(value) ? lineOf(value, maxName) : null
    if (line !== null) return line
  }
  return null
}

/**
 * The name of a run in lists, on one line: the title that its agent makes or else the first text of its payload, 80 characters at most, or
 * else the last text of a user, 120 at most; null where there is none.
 */
export const titleOf = ({ carries, input, messages, title }: RequestSnapshot): string | null => {
  const name =
    (title === undefined ? null : lineOf(title, maxName)) ?? (input === undefined ? null : ofPayload(input))
  if (name !== null) return name
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index]!
    const line = message.role === "user" ? lineOf(textOf(message), maxTitle) : null
    if (line !== null) return line
  }
  return carries?.title ?? null
}
