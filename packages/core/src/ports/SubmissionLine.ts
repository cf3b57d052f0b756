/**
 * A submission as people write it: one flat JSON object with the names of the wire. Lines of `runlease submit --jsonl` and rows of the
 * outbox have this form.
 */
import { type Either, type ParseResult, Schema, Struct } from "effect"
import { Debounce } from "../model/Debounce.js"
import * as Ids from "../model/Ids.js"
import * as Mirror from "../model/Mirror.js"
import * as RequestSnapshot from "../model/RequestSnapshot.js"
import { Submission, type SubmissionInput } from "./Submission.js"

/** The fields of a submission that a line has under their names on the wire. */
const further = Mirror.mirror(
  Struct.omit(
    Submission.fields,
    "publicId",
    "derived",
    "conversationId",
    "parentRunId",
    "trigger",
    "agentId",
    "mode",
    "initialStatus",
    "sourceTarget",
    "runtimeTarget",
    "snapshot",
    "concurrencyKey",
    "debounce",
  ),
  "absent",
)

const debounce = Mirror.mirror(Debounce.fields, "absent")

/** `text` is short for one user message; `input` is the payload of the agent; a caller may have the `agent`. */
export const Line = Schema.Struct({
  agent: Schema.optional(Ids.AgentId),
  text: Schema.optional(Schema.String),
  input: Schema.optional(Schema.Unknown),
  messages: Schema.optional(Schema.Array(RequestSnapshot.SnapshotMessage)),
  public_id: Schema.optional(Ids.RunId),
  conversation_id: Schema.optional(Ids.ConversationId),
  concurrency_key: Submission.fields.concurrencyKey,
  ...Mirror.withoutNull(further.fields),
  debounce: Schema.optional(Schema.Struct(Mirror.withoutNull(debounce.fields))),
})

export type Line = typeof Line.Type

/** Reads the text of a line. A field that it does not have is refused. */
export const decode: (text: string) => Either.Either<Line, ParseResult.ParseError> =
  Schema.decodeUnknownEither(Schema.parseJson(Line), { onExcessProperty: "error" })

const defined = <A extends Record<string, unknown>>(fields: A) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const snapshotOf = ({ input, messages, text }: Line): RequestSnapshot.RequestSnapshot | undefined => {
  const request =
    messages !== undefined
      ? { ...RequestSnapshot.empty, messages }
      : text !== undefined
        ? RequestSnapshot.fromText(text)
        : undefined
  return input === undefined ? request : { ...(request ?? RequestSnapshot.empty), input }
}

/** The submission of a line, for that agent. */
export const submissionOf = (line: Line, agentId: Ids.AgentId): Submission => ({
  agentId,
  ...further.decode(line),
  ...defined({
    publicId: line.public_id,
    conversationId: line.conversation_id,
    concurrencyKey: line.concurrency_key,
    debounce: line.debounce && debounce.decode(line.debounce),
    snapshot: snapshotOf(line),
  }),
})

/**
 * A submission as a line has it, without what no line says: its parent, its targets, and what a snapshot has besides messages and a payload.
 */
export type LineSubmission = Omit<
  SubmissionInput,
  "derived" | "parentRunId" | "trigger" | "mode" | "initialStatus" | "sourceTarget" | "runtimeTarget"
>

/** The line of a submission that `check` has passed. */
export const lineOf = (submission: Submission): Readonly<Record<string, unknown>> => {
  const { agentId, concurrencyKey, conversationId, debounce: wait, publicId, snapshot } = submission
  return defined({
    ...further.encode(submission),
    agent: agentId,
    public_id: publicId,
    conversation_id: conversationId,
    concurrency_key: concurrencyKey,
    debounce: wait && debounce.encode(wait),
    input: snapshot?.input,
    messages: snapshot === undefined || snapshot.messages.length === 0 ? undefined : snapshot.messages,
  })
}
