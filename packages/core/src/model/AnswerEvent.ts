/**
 * The event that says who answered a question, and what was decided. The control plane writes it, between two parts of a log. The answer of a
 * question that is no approval is not in it: it may be long, or a secret.
 *
 * Source: docs/decisions/0154-who-answered.md
 */
import { Context, Option, Predicate, Schema } from "effect"
import { answeredEventName, isAnswers, type LogEvent } from "./AgentEvent.js"
import * as Edits from "./Edits.js"
import { type Answer, asksApproval, type Interrupt } from "./Interrupt.js"

/**
 * The author of the answers, edits, cancellations and retries of this fiber, in words for people. A server names its caller. An application that answers in its own process may
 * provide its user.
 */
export class Answerer extends Context.Reference<Answerer>()("@runlease/core/Answerer", {
  defaultValue: (): string | undefined => undefined,
}) {}

/** `approved`: of an approval. `declined`: another question stays without an answer. `edited_args` is absent where nothing was edited. */
export const Answered = Schema.Struct({
  interrupt_id: Schema.String,
  tool_call_id: Schema.optional(Schema.String),
  approved: Schema.optional(Schema.Boolean),
  declined: Schema.optional(Schema.Literal(true)),
  reason: Schema.optional(Schema.String),
  edited_args: Schema.optional(Schema.Unknown),
})
export type Answered = typeof Answered.Type

const Value = Schema.Struct({ by: Schema.optional(Schema.String), answers: Schema.NonEmptyArray(Answered) })

/** The answers to questions, and who gave them. */
export type AnswerEvent = typeof Value.Type

/** Whether an answer is a decision. The answer to a question about a tool call may also be the result of the call, or a choice. */
const isDecision = (interrupt: Interrupt, { payload, status }: Answer): boolean =>
  Edits.isApproval(interrupt) &&
  (interrupt.reason === "confirmation" ||
    asksApproval(interrupt) ||
    status === "cancelled" ||
    Predicate.isBoolean(payload) ||
    (Predicate.isRecord(payload) && Object.hasOwn(payload, "approved")))

const answered = (interrupt: Interrupt, answer: Answer): ReadonlyArray<Answered> => {
  const { clientTool, id, toolCallId } = interrupt
  if (clientTool === true) return []
  const names = { interrupt_id: id, ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }) }
  if (!isDecision(interrupt, answer)) {
    return [{ ...names, ...(answer.status === "cancelled" ? { declined: true } : {}) }]
  }
  const { approved, reason } = Edits.decisionOf(answer)
  return [
    {
      ...names,
      approved,
      ...(reason === undefined ? {} : { reason }),
      ...Option.match(Edits.of(answer), { onNone: () => ({}), onSome: (edits) => ({ edited_args: edits }) }),
    },
  ]
}

/** The event of answers that were accepted together; none where all of them are results of calls that a client makes. */
export const ofAnswers = (
  accepted: Iterable<readonly [Interrupt, Answer]>,
  by: string | undefined,
): ReadonlyArray<LogEvent> => {
  const answers = Array.from(accepted).flatMap(([interrupt, answer]) => answered(interrupt, answer))
  return answers.length === 0
    ? []
    : [
        {
          type: "CUSTOM",
          name: answeredEventName,
          value: { ...(by === undefined ? {} : { by }), answers },
        },
      ]
}

const decode = Schema.decodeUnknownOption(Value)

/** What an event of the control plane says of answers. */
export const fromEvent = (event: LogEvent): Option.Option<AnswerEvent> =>
  isAnswers(event) && Predicate.isRecord(event["value"]) ? decode(event["value"]) : Option.none()
