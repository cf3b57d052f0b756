/**
 * Submissions as JSON lines: one run a line. All lines are checked before the first is sent.
 */
import { Debounce, Ids, RequestSnapshot, Runs } from "@runlease/core"
import * as Mirror from "@runlease/http/Mirror"
import * as Strict from "@runlease/http/Strict"
import { Either, ParseResult, Schema, Struct } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"

/** The fields of a submission that a line has under their names on the wire. */
const further = Mirror.mirror(
  Struct.omit(
    Runs.Submission.fields,
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
    "availableAt",
    "concurrencyKey",
    "debounce",
  ),
  "absent",
)

const debounce = Mirror.mirror(Debounce.Debounce.fields, "absent")

/** One line. `text` is short for one user message; `input` is the payload of the agent; `agent` defaults to that of the command. */
const Line = Schema.Struct({
  agent: Schema.optional(Ids.AgentId),
  text: Schema.optional(Schema.String),
  input: Schema.optional(Schema.Unknown),
  messages: Schema.optional(Schema.Array(RequestSnapshot.SnapshotMessage)),
  public_id: Schema.optional(Ids.RunId),
  conversation_id: Schema.optional(Ids.ConversationId),
  concurrency_key: Runs.Submission.fields.concurrencyKey,
  ...Mirror.withoutNull(further.fields),
  debounce: Schema.optional(Schema.Struct(Mirror.withoutNull(debounce.fields))),
})

const decode = Schema.decodeUnknownEither(Schema.parseJson(Line), { onExcessProperty: "error" })

const defined = <A extends Record<string, unknown>>(fields: A) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const snapshotOf = ({
  input,
  messages,
  text,
}: typeof Line.Type): RequestSnapshot.RequestSnapshot | undefined => {
  const request =
    messages !== undefined
      ? { ...RequestSnapshot.empty, messages }
      : text !== undefined
        ? RequestSnapshot.fromText(text)
        : undefined
  return input === undefined ? request : { ...(request ?? RequestSnapshot.empty), input }
}

const submissionOf = (line: typeof Line.Type, agentId: Ids.AgentId): Runs.Submission => ({
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

/** A batch is one commit, which other callers wait for. */
const maxInBatch = 250

/** The most characters of JSON in one batch. */
const maxLength = 4 * 1024 * 1024

/** The submissions in batches that a server takes in one request, in their order. */
export const batches = (
  submissions: ReadonlyArray<Runs.Submission>,
): ReadonlyArray<ReadonlyArray<Runs.Submission>> => {
  const found: Array<Array<Runs.Submission>> = []
  let left = 0
  for (const submission of submissions) {
    const { length } = JSON.stringify(submission)
    const last = found.at(-1)
    if (last === undefined || last.length === maxInBatch || length > left) {
      found.push([submission])
      left = maxLength - length
    } else {
      last.push(submission)
      left -= length
    }
  }
  return found
}

/**
 * Parses every line to a submission. Fails with the problem of each wrong line. `agent` applies to lines without one.
 */
export const parse = (
  text: string,
  agent: Ids.AgentId | undefined,
): Either.Either<ReadonlyArray<Runs.Submission>, CommandFailure> => {
  const submissions: Array<Runs.Submission> = []
  const problems: Array<string> = []
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const where = `line ${index + 1}`
    const parsed = decode(line)
    if (Either.isLeft(parsed)) {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(parsed.left)
      const field = issue!.path.map(String).join(".")
      problems.push(`${where}: ${field === "" ? "" : `${field}: `}${Strict.sentence(issue!)}`)
      continue
    }
    const agentId = parsed.right.agent ?? agent
    if (agentId === undefined) problems.push(`${where}: agent: is missing, and so is --agent`)
    else submissions.push(submissionOf(parsed.right, agentId))
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, 20)
    return Either.left(
      usage(
        [
          ...shown,
          ...(problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []),
        ].join("\n"),
        "Nothing was submitted. Mend these lines and run it again.",
      ),
    )
  }
  return submissions.length === 0
    ? Either.left(usage("There is nothing to submit", "Give one JSON object a line."))
    : Either.right(submissions)
}
