/** What a message of a client answers: the questions that its task waits with. */
import { Interrupt } from "@runlease/core"
import { Either, Schema } from "effect"
import * as Errors from "./Errors.js"
import type { Message, Part } from "./Protocol.js"

type Answered = Either.Either<Interrupt.Answers, Errors.A2aError>

const yes = /^(y|yes|ok|okay|approve|approved|true)[.!]?$/i
const no =
  /^(?:n|no|deny|denied|decline|declined|reject|rejected|false)(?:[.!]|\s*[,.:;\u2013\u2014-]\s*(.*))?$/is

const textOf = (parts: ReadonlyArray<Part>): string => parts.flatMap(({ text }) => text ?? []).join("")

const field = "message.parts"

const payloadOf = (
  interrupt: Interrupt.Interrupt,
  parts: ReadonlyArray<Part>,
): Either.Either<unknown, Errors.A2aError> => {
  const dataPart = parts.find(({ data }) => data !== undefined)
  if (dataPart !== undefined) return Either.right(dataPart.data)
  const text = textOf(parts).trim()
  if (text === "") {
    return Either.left(Errors.invalidParams(field, "An answer is a text part or a data part"))
  }
  if (!Interrupt.asksApproval(interrupt)) return Either.right(text)
  if (yes.test(text)) return Either.right({ approved: true })
  const declined = no.exec(text)
  if (declined !== null) {
    const [, reason = ""] = declined
    return Either.right({ approved: false, ...(reason === "" ? {} : { reason }) })
  }
  return Either.left(
    Errors.invalidParams(
      field,
      `The task waits for an approval: say yes or no, with a reason as in "no, not today", or send a data part {"approved": true}`,
    ),
  )
}

const AnswerList = Schema.Struct({
  resume: Schema.NonEmptyArray(
    Schema.Struct({
      interruptId: Schema.NonEmptyString,
      status: Schema.Literal("resolved", "cancelled"),
      payload: Schema.optional(Schema.Unknown),
    }),
  ),
})

const decodeList = Schema.decodeUnknownOption(AnswerList)

/**
 * The answers of a message to the open questions of its task. A data part `{ "resume": [{ "interruptId", "status", "payload" }] }` answers
 * several; any other message answers the only one that is open.
 *
 * Fails: `INVALID_PARAMS` for a message that answers none of them.
 */
export const of = (open: ReadonlyArray<Interrupt.Interrupt>, { parts }: Message): Answered => {
  for (const { data } of parts) {
    const list = decodeList(data)
    if (list._tag === "Some") return Either.right(list.value.resume)
  }
  const [only, ...others] = open
  if (only === undefined || others.length > 0) {
    return Either.left(
      Errors.invalidParams(
        field,
        `The task waits for ${open.length} answers (${open.map(({ id }) => id).join(", ")}): send a data part {"resume": [{"interruptId": …, "status": "resolved", "payload": …}]}`,
      ),
    )
  }
  return Either.map(payloadOf(only, parts), (payload): Interrupt.Answers => [
    { interruptId: only.id, status: "resolved", payload },
  ])
}
