/**
 * Forms that an agent shows to a person. The message and the schema identify a form.
 *
 * Source: https://agentclientprotocol.com/protocol/v1/elicitation
 */
import {
  CreateElicitationRequest,
  type CreateElicitationResponse,
  type ElicitationContentValue,
  type ElicitationFormMode,
  RequestError,
} from "@agentclientprotocol/sdk"
import { Interrupt } from "@runlease/core"
import { Effect, Option, Predicate } from "effect"
import * as Truncation from "./Truncation.js"
import * as Form from "./Form.js"
import * as Questions from "./Questions.js"

interface FormRequest extends Pick<CreateElicitationRequest, "message"> {
  readonly requestedSchema: ElicitationFormMode["requestedSchema"]
}

/** A form is never truncated, so all forms that are open at once must fit into one event. */
const maxFormBytes = 32 * 1024

const cancelled: CreateElicitationResponse = { action: "cancel" }
const declined: CreateElicitationResponse = { action: "decline" }

/** Whether an answer declines the form. A person may decline in the form of a permission. */
const isDeclined = ({ isError, payload, status }: Interrupt.Answer, form: FormRequest): boolean =>
  status === "cancelled" ||
  isError === true ||
  payload === false ||
  (Predicate.isRecord(payload) &&
    payload["approved"] === false &&
    !Object.hasOwn(form.requestedSchema.properties ?? {}, "approved"))

/** The values of the form. A form without required fields accepts an empty answer. */
const valuesOf = ({ payload }: Interrupt.Answer): unknown => payload ?? {}

const replyTo =
  (form: FormRequest) =>
  (answer: Interrupt.Answer): Option.Option<CreateElicitationResponse> => {
    if (isDeclined(answer, form)) return Option.some(declined)
    const values = valuesOf(answer)
    return Option.isNone(Form.misfit(form.requestedSchema, values))
      ? Option.some({ action: "accept", content: values as Record<string, ElicitationContentValue> })
      : Option.none()
  }

const interruptOf = (
  id: string,
  { message, requestedSchema }: FormRequest,
  last: Interrupt.Answer | undefined,
): Interrupt.Interrupt => {
  const misfit = last === undefined ? Option.none() : Form.misfit(requestedSchema, valuesOf(last))
  const hint = Option.match(misfit, {
    onNone: () => "",
    onSome: (reason) => ` (The answer before does not fit the form: ${reason})`,
  })
  return {
    id,
    reason: "input_required",
    message: `${Truncation.text(message, 4000)}${Truncation.text(hint, 1000)}`,
    responseSchema: { ...requestedSchema },
  }
}

export interface Options {
  /** Whether the handshake offered forms to the agent. */
  readonly offered: boolean
  readonly questions: Questions.Questions
  readonly sessionId: string | undefined
}

const invalid = (details: string) => Effect.fail(RequestError.invalidParams({ details }, details))

/** Replies to an agent that requests input from a person. */
export const answer = (
  { offered, questions, sessionId }: Options,
  request: CreateElicitationRequest,
): Effect.Effect<CreateElicitationResponse, RequestError> => {
  if (!CreateElicitationRequest.isForm(request) || !offered) {
    return invalid(`This client does not offer elicitation in the mode ${request.mode}`)
  }
  // A run cannot wait for a person before the session is open.
  if (!("sessionId" in request)) return Effect.succeed(cancelled)
  if (request.sessionId !== sessionId) return invalid(`There is no session ${request.sessionId}`)
  const { message, requestedSchema } = request
  const form = { message, requestedSchema }
  if (Truncation.sizeOf(form) > maxFormBytes) return invalid(`A form takes at most ${maxFormBytes} bytes`)
  return questions.ask({
    key: Questions.keyOf({ form }),
    interrupt: (id, _maxBytes, last) => interruptOf(id, form, last),
    reply: replyTo(form),
    isLasting: () => false,
    cancelled,
  })
}
