/**
 * The event that says who answered a question that allows edits, and with what. The control plane writes it, between two parts of a log.
 *
 * Source: docs/decisions/0143-approvals-with-edits.md
 */
import { Context, Option, Predicate, Schema } from "effect"
import { answeredEventName, isAnswers, type LogEvent } from "./AgentEvent.js"
import * as Edits from "./Edits.js"
import type { Answer, Interrupt } from "./Interrupt.js"

/**
 * The author of the answers of this fiber, in words for people. A server names its caller. An application that answers in its own process may
 * provide its user.
 */
export class Answerer extends Context.Reference<Answerer>()("@runlease/core/Answerer", {
  defaultValue: (): string | undefined => undefined,
}) {}

/** `edited_args` is absent where nothing was edited. */
export const Answered = Schema.Struct({
  interrupt_id: Schema.String,
  tool_call_id: Schema.optional(Schema.String),
  approved: Schema.Boolean,
  reason: Schema.optional(Schema.String),
  edited_args: Schema.optional(Schema.Unknown),
})
export type Answered = typeof Answered.Type

const Value = Schema.Struct({ by: Schema.optional(Schema.String), answers: Schema.NonEmptyArray(Answered) })

/** The answers to questions that allow edits, and who gave them. */
export type AnswerEvent = typeof Value.Type

const answered = (interrupt: Interrupt, answer: Answer): ReadonlyArray<Answered> => {
  if (Option.isNone(Edits.schemaOf(interrupt))) return []
  const { id, toolCallId } = interrupt
  const { approved, reason } = Edits.decisionOf(answer)
  return [
    {
      interrupt_id: id,
      ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
      approved,
      ...(reason === undefined ? {} : { reason }),
      ...Option.match(Edits.of(answer), { onNone: () => ({}), onSome: (edits) => ({ edited_args: edits }) }),
    },
  ]
}

/** The event of answers that were accepted together; none where no question of them allows edits. */
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
