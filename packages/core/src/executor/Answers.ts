/** How the answer to a question is found and read. */
import { Either, Option, Predicate, Schema } from "effect"
import * as FormSchema from "../model/FormSchema.js"
import type { Answer } from "../model/Interrupt.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import type { Codec } from "./StepRecording.js"

/** A person does not want to answer the question. */
export class Declined extends Schema.TaggedError<Declined>("@runlease/core/Declined")("Declined", {
  question: Schema.String,
}) {
  override get message() {
    return `The question ${this.question} was declined`
  }
}

/** The answer to an interrupt; the last one when the interrupt was answered more than once. */
export const answerTo = (snapshot: Pick<RequestSnapshot, "resume">, id: string): Option.Option<Answer> =>
  Option.fromNullable(snapshot.resume?.findLast(({ interruptId }) => interruptId === id))

/** The JSON Schema of an answer that approves or not, with the reason of the person. */
export const approvalSchema = {
  type: "object",
  properties: { approved: { type: "boolean" }, reason: { type: "string" } },
  required: ["approved"],
}

/** Whether an answer approves: it is `true` or `{ approved: true }`. Any other answer does not. */
export const approved = ({ isError, payload, status }: Answer): boolean =>
  status === "resolved" &&
  isError !== true &&
  (payload === true || (Predicate.isRecord(payload) && payload["approved"] === true))

/** What a person decided. `reason`: the text of the person, as it was written. */
export interface Decision {
  readonly approved: boolean
  readonly reason?: string
}

const reasonIn = (payload: unknown): unknown => (Predicate.isRecord(payload) ? payload["reason"] : payload)

/** The decision of an answer. Its reason is `reason` of the payload, or a payload that is text. An empty one is none. */
export const decisionOf = (answer: Answer): Decision => {
  const reason = reasonIn(answer.payload)
  return {
    approved: approved(answer),
    ...(Predicate.isString(reason) && reason.trim() !== "" ? { reason } : {}),
  }
}

/** How the answer to a question is read. */
export interface Reader<A> {
  readonly reason: string
  /** Absent for a schema that JSON Schema cannot express. */
  readonly responseSchema: Readonly<Record<string, unknown>> | undefined
  /** A `string` is what is wrong with the answer. */
  readonly read: (answer: Answer, name: string) => Either.Either<A, string | Declined>
}

export const approval: Reader<Decision> = {
  reason: "confirmation",
  responseSchema: approvalSchema,
  read: (answer) => Either.right(decisionOf(answer)),
}

const readerOfSchema = <A>(schema: Codec<A>): Reader<A> => {
  const decode = Schema.decodeUnknownEither(schema)
  return {
    reason: "input_required",
    responseSchema: FormSchema.of(schema),
    read: ({ isError, payload, status }, name) =>
      status === "cancelled" || isError === true
        ? Either.left(new Declined({ question: name }))
        : Either.mapLeft(decode(payload), SchemaProblem.describe),
  }
}

const text = readerOfSchema(Schema.String)

/** Reads an answer by a schema, or as text. */
export const readerOf = <A>(schema: Codec<A> | undefined): Reader<A> =>
  schema === undefined ? (text as Reader<never>) : readerOfSchema(schema)
