/**
 * A request for a response: it begins a run.
 *
 * @since 0.1.0
 */
import { Ids, RequestSnapshot, type Run, Runs } from "@runlease/core"
import { ResumeRules } from "@runlease/core/store"
import { Context, Effect, Either } from "effect"
import { maxBytes } from "../../contract/Body.js"
import * as Errors from "../../responses/Errors.js"
import * as InputItems from "../../responses/InputItems.js"
import { CreateResponse, decode, Tool } from "../../responses/Protocol.js"
import * as ResponseFold from "../../responses/ResponseFold.js"
import * as AgentForms from "../AgentForms.js"
import type { Ports } from "../ProjectPortsCache.js"
import { Rebuilds } from "../Rebuilds.js"
import * as Responses from "./Responses.js"

type Messages = ReadonlyArray<RequestSnapshot.SnapshotMessage>

/** The id of the message that the instructions are: those of one response are not those of the next. */
export const instructionsId = "instructions"

/** Fields of a request that would be passed over in silence. */
const unsupported = {
  conversation: "conversations are not served; continue with previous_response_id",
  prompt: "stored prompts are not served; send instructions",
}

const toolOf = (value: unknown, index: number) =>
  Either.flatMap(decode(Tool, value, `tools[${index}]`), ({ description = "", name, parameters, type }) =>
    type === "function"
      ? Either.right({ name, description, parameters: parameters ?? { type: "object" } })
      : Either.left(Errors.invalid(`tools[${index}].type`, "only a function can be a tool here")),
  )

const check = (request: CreateResponse): Either.Either<void, Errors.ResponsesError> => {
  for (const [field, problem] of Object.entries(unsupported)) {
    if (request[field] !== undefined && request[field] !== null) {
      return Either.left(Errors.invalid(field, problem, "unsupported_parameter"))
    }
  }
  return request.background === true && request.store === false
    ? Either.left(Errors.invalid("background", "a response in the background is read later, so store it"))
    : Either.void
}

/** What continues another response: its messages and items. */
const continued = Effect.fnUntraced(function* (ports: Ports, id: string) {
  const previous = yield* Responses.findStored(ports, id).pipe(
    Effect.catchTag("ResponsesError", () => Errors.previousNotFound(id)),
  )
  const response = yield* Responses.read(ports, previous)
  if (!ResponseFold.isSettled(response)) {
    return yield* Errors.invalid(
      "previous_response_id",
      `response ${id} has not ended; wait for it, or cancel it`,
    )
  }
  const items = response.output.filter((item) => item.status === "completed")
  const output = yield* InputItems.toMessages(items, id)
  const messages = [
    ...previous.snapshot.messages.filter((message) => message.id !== instructionsId),
    ...output,
  ]
  return JSON.stringify(messages).length > maxBytes
    ? yield* Errors.invalid(
        "previous_response_id",
        `the messages up to response ${id} are more than ${maxBytes} bytes; begin anew with those that matter`,
        "context_length_exceeded",
      )
    : { run: previous.run, messages }
})

const idsOf = (messages: Messages, type: "tool_call" | "tool_result"): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === type ? [part["toolCallId"]] : [])),
    ),
  )

const checkCalls = (messages: Messages): Either.Either<void, Errors.ResponsesError> => {
  const calls = idsOf(messages, "tool_call")
  const results = idsOf(messages, "tool_result")
  const stray = [...results].find((id) => !calls.has(id))
  if (stray !== undefined) {
    return Either.left(Errors.invalid("input", `no function_call has the call_id ${String(stray)}`))
  }
  const unanswered = [...calls].find((id) => !results.has(id))
  return unanswered === undefined
    ? Either.void
    : Either.left(
        Errors.invalid(
          "input",
          `the function_call ${String(unanswered)} has no function_call_output; send one`,
        ),
      )
}

/** Whether a run waits for nothing but tools of its client. */
const waitsForTools = (run: Run.Run): boolean => {
  const open = ResumeRules.openOf(run)
  return open.length > 0 && open.every(({ clientTool }) => clientTool === true)
}

/**
 * Begins a response. One that continues another is in the same conversation; results of calls that the other waits for are input of the new
 * one, so the run of the other ends.
 *
 * Fails: `ResponsesError` with the field that is wrong.
 *
 * @since 0.1.0
 * @category requests
 */
export const create = Effect.fnUntraced(function* (ports: Ports, body: unknown) {
  const request = yield* decode(CreateResponse, body, "")
  yield* check(request)
  const tools = yield* Either.all((request.tools ?? []).map(toolOf))
  const id = `${Responses.prefix}${(yield* Ids.uuidV7).replaceAll("-", "")}`
  const added = yield* InputItems.toMessages(request["input"], `msg_${id.slice(Responses.prefix.length)}`)
  const { previous_response_id: previousId } = request
  const { inTurn } = yield* Rebuilds
  const previous = previousId === undefined ? undefined : yield* inTurn(continued(ports, previousId))
  const messages = [...(previous?.messages ?? []), ...added]
  if (messages.length === 0) return yield* Errors.invalid("input", "is missing", "missing_required_parameter")
  yield* checkCalls(messages)
  const { input: _input, stream = false, ...settings } = request
  const { instructions, model } = settings
  const submission: Runs.Submission = {
    agentId: model,
    publicId: Ids.RunId.make(id),
    // Responses may continue the same response, and each is begun at once.
    concurrencyKey: null,
    ...(previous === undefined ? {} : { conversationId: previous.run.conversationId }),
    snapshot: {
      ...RequestSnapshot.empty,
      messages: [
        ...(instructions === undefined
          ? []
          : [{ id: instructionsId, role: "system", parts: [RequestSnapshot.textPart(instructions)] }]),
        ...messages,
      ],
      tools: settings.tool_choice === "none" ? [] : tools,
      forwardedProps: { [Responses.settingsKey]: settings },
    },
  }
  yield* AgentForms.check(submission)
  const runs = Context.get(ports, Runs.Runs)
  const { run } = yield* runs.submit(submission)
  if (previous !== undefined && waitsForTools(previous.run)) yield* runs.cancel(previous.run.runId)
  return { found: { run, settings, snapshot: submission.snapshot! } satisfies Responses.Found, stream }
})
