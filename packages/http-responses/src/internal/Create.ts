/** A request for a response: it begins a run. */
import { Ids, RequestSnapshot, ResumeRules, type Run, Runs } from "@runlease/core"
import * as CarriedMessages from "@runlease/core/CarriedMessages"
import * as AgentForms from "@runlease/http/face/AgentForms"
import type { Ports } from "@runlease/http/face/Caller"
import { maxBytes } from "@runlease/http/face/Endpoint"
import * as Thread from "@runlease/http/face/Thread"
import { Rebuilds } from "@runlease/http/face/Turns"
import { Context, Effect, Either } from "effect"
import * as Errors from "./Errors.js"
import * as InputItems from "./InputItems.js"
import { CreateResponse, decode, Tool } from "./Protocol.js"
import * as ResponseFold from "./ResponseFold.js"
import { type Continuation, Continuations } from "./Continuations.js"
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

const tooLong = (id: string) =>
  Errors.invalid(
    "previous_response_id",
    `the messages up to response ${id} are more than ${maxBytes} bytes or of more than ${CarriedMessages.maxRuns} responses; begin anew with those that matter`,
    "context_length_exceeded",
  )

/** What continues a response by its request and its log. */
const rebuilt = Effect.fnUntraced(function* (ports: Ports, previous: Responses.Found) {
  const { run, snapshot } = previous
  const response = yield* Responses.read(ports, previous, maxBytes)
  if (!ResponseFold.isSettled(response)) {
    return yield* Errors.invalid(
      "previous_response_id",
      `response ${run.runId} has not ended; wait for it, or cancel it`,
    )
  }
  if (ResponseFold.isShortened(response)) return yield* tooLong(run.runId)
  const items = response.output.filter((item) => item.status === "completed")
  const output = [...Thread.answersIn(snapshot), ...(yield* InputItems.toMessages(items, run.runId))]
  const own = {
    id: run.runId,
    own: CarriedMessages.sizeOf(snapshot.messages),
    output: CarriedMessages.sizeOf(output),
    upTo: run.latestEventId,
  }
  return {
    run,
    output,
    carries: {
      lead: 0,
      runs: [...(snapshot.carries?.runs ?? []), own],
      output: output.length === 0 ? [] : [{ id: run.runId, messages: output }],
      without: [instructionsId],
      title: RequestSnapshot.titleOf(snapshot),
    },
  } satisfies Continuation
})

/** What continues another response: its messages and items, which the request of the new one refers to. */
const continued = Effect.fnUntraced(function* (ports: Ports, id: string) {
  const continuations = yield* Continuations
  const run = yield* Effect.catchTag(Responses.runOf(ports, id), "ResponsesError", () =>
    Errors.previousNotFound(id),
  )
  const before = yield* continuations.get(run)
  const found =
    before ??
    (yield* Effect.catchTag(Responses.findStored(ports, id), "ResponsesError", () =>
      Errors.previousNotFound(id),
    ))
  const continuation = "carries" in found ? found : yield* rebuilt(ports, found)
  if (before === undefined) yield* continuations.remember(continuation)
  const { runs } = continuation.carries
  if (CarriedMessages.bytesOf({ runs }) > maxBytes || runs.length > CarriedMessages.maxRuns) {
    return yield* tooLong(id)
  }
  return { ...continuation, run } satisfies Continuation
})

const idsOf = (messages: Messages, type: "tool_call" | "tool_result"): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === type ? [part["toolCallId"]] : [])),
    ),
  )

/** A result in `added` whose call is not in these messages. */
const strayOf = (added: Messages, messages: Messages): unknown => {
  const calls = idsOf(messages, "tool_call")
  return [...idsOf(added, "tool_result")].find((id) => !calls.has(id))
}

/** Checks that each result has its call and each call its result. What a response continues has results of all calls before its own. */
const checkCalls = Effect.fnUntraced(function* (
  ports: Ports,
  added: Messages,
  continuing: Continuation | undefined,
) {
  const messages = [...(continuing?.output ?? []), ...added]
  let stray = strayOf(added, messages)
  if (stray !== undefined && continuing !== undefined) {
    stray = strayOf(added, [...(yield* Responses.messagesOf(ports, continuing.run)), ...messages])
  }
  if (stray !== undefined) {
    return yield* Errors.invalid("input", `no function_call has the call_id ${String(stray)}`)
  }
  const results = idsOf(messages, "tool_result")
  const unanswered = [...idsOf(messages, "tool_call")].find((id) => !results.has(id))
  if (unanswered !== undefined) {
    return yield* Errors.invalid(
      "input",
      `the function_call ${String(unanswered)} has no function_call_output; send one`,
    )
  }
})

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
 */
export const create = Effect.fnUntraced(function* (ports: Ports, body: unknown) {
  const request = yield* decode(CreateResponse, body, "")
  yield* check(request)
  const tools = yield* Either.all((request.tools ?? []).map(toolOf))
  const id = `${Responses.prefix}${(yield* Ids.uuidV7).replaceAll("-", "")}`
  const added = yield* InputItems.toMessages(request["input"], `msg_${id.slice(Responses.prefix.length)}`)
  const { previous_response_id: previousId } = request
  const { inTurn } = yield* Rebuilds
  const continuing = previousId === undefined ? undefined : yield* inTurn(continued(ports, previousId))
  if (added.length === 0 && continuing === undefined) {
    return yield* Errors.invalid("input", "is missing", "missing_required_parameter")
  }
  yield* checkCalls(ports, added, continuing)
  const { input: _input, stream = false, ...settings } = request
  const { instructions, model } = settings
  const instructed =
    instructions === undefined
      ? []
      : [{ id: instructionsId, role: "system", parts: [RequestSnapshot.textPart(instructions)] }]
  const previous = continuing?.run
  const submission: Runs.Submission = {
    agentId: model,
    publicId: Ids.RunId.make(id),
    // Responses may continue the same response, and each is begun at once.
    concurrencyKey: null,
    ...(previous === undefined ? {} : { conversationId: previous.conversationId }),
    snapshot: {
      ...RequestSnapshot.empty,
      messages: [...instructed, ...added],
      ...(continuing === undefined ? {} : { carries: { ...continuing.carries, lead: instructed.length } }),
      tools: settings.tool_choice === "none" ? [] : tools,
      forwardedProps: { [Responses.settingsKey]: settings },
    },
  }
  yield* AgentForms.check(submission)
  const runs = Context.get(ports, Runs.Runs)
  const { run } = yield* runs.submit(submission)
  if (previous !== undefined && waitsForTools(previous)) yield* runs.cancel(previous.runId)
  return { found: { run, settings, snapshot: submission.snapshot! } satisfies Responses.Found, stream }
})
