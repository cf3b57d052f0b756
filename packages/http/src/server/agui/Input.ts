/** Turns the input of an AG-UI client into the request of a run. */
import { type FollowUp, type Ids, type Interrupt, type RequestSnapshot } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"

/** The parts of the request apart from its input. */
export interface Routing {
  readonly agentId: Ids.AgentId
  readonly implementationKind: string | undefined
  readonly workerKey: string | undefined
  readonly traceContext: typeof RequestSnapshot.TraceContext.Type | undefined
}

/** The request of a run. */
export const snapshotOf = (
  { context, forwardedProps, messages, state, tools }: RunAgentInput,
  { traceContext }: Routing,
): RequestSnapshot.RequestSnapshot => ({
  messages: AgUiMessages.fromAgUi(messages),
  tools,
  context,
  ...(forwardedProps === undefined ? {} : { forwardedProps }),
  ...(state === undefined ? {} : { state }),
  ...(traceContext === undefined ? {} : { traceContext }),
  protocol: "ag-ui",
})

const entriesOf = ({ resume }: RunAgentInput): ReadonlyArray<Interrupt.Answer> =>
  (resume ?? []).map(({ interruptId, metadata, payload, status }) => ({
    interruptId,
    status,
    ...(payload === undefined ? {} : { payload }),
    ...(metadata == null ? {} : { metadata }),
  }))

/** The place of the last message that makes each call. */
const lastCalls = ({ messages }: RunAgentInput): ReadonlyMap<string, number> => {
  const places = new Map<string, number>()
  for (const [index, message] of messages.entries()) {
    if (message.role !== "assistant") continue
    for (const { id } of message.toolCalls ?? []) places.set(id, index)
  }
  return places
}

/** The results that stand behind their calls: an agent may use the id of a call again. What a failure says is its result. */
const resultsOf = (input: RunAgentInput): ReadonlyArray<Interrupt.Answer> => {
  const places = lastCalls(input)
  return input.messages.flatMap((message, index): ReadonlyArray<Interrupt.Answer> => {
    if (message.role !== "tool") return []
    const { content, error, metadata, toolCallId } = message
    if ((places.get(toolCallId) ?? -1) > index) return []
    return [
      {
        interruptId: toolCallId,
        status: "resolved",
        payload: error ?? content,
        ...(error === undefined ? {} : { isError: true }),
        ...(metadata == null ? {} : { metadata }),
      },
    ]
  })
}

/** Whether the input may go on with a run though none of its thread waits, as when it is sent again. */
export const mayBeRepeated = ({ messages, resume = [] }: RunAgentInput): boolean =>
  resume.length > 0 ||
  messages.findLastIndex(({ role }) => role === "tool") >
    messages.findLastIndex(({ role }) => role === "assistant")

/** The input as a follow-up of a run. */
export const followUpOf = (input: RunAgentInput, routing: Routing): FollowUp.FollowUp => ({
  publicId: input.runId,
  resume: entriesOf(input),
  results: resultsOf(input),
  snapshot: snapshotOf(input, routing),
})
