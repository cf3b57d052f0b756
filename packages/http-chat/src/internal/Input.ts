/** Turns what a page posts into the request of a run, and into what it answers. */
import { type FollowUp, Ids, type Interrupt, Json, type RequestSnapshot } from "@runlease/core"
import type { Thread } from "@runlease/http/face/Thread"
import { Effect } from "effect"
import * as UiMessages from "./UiMessages.js"
import type { ChatRequest } from "./Group.js"

/** A post of a page. `publicId`: of the run, or of its next part, that the post requests; the same for the same post. */
export interface Input {
  readonly agentId: Ids.AgentId
  readonly publicId: Ids.RunId
  readonly snapshot: RequestSnapshot.RequestSnapshot
  readonly answers: ReadonlyArray<Interrupt.Answer>
  /** The message of the page that the answer is in. */
  readonly messageId: string
  /** Whether the page takes back what came after its last message. */
  readonly rewrites: boolean
  /** Whether it wants the answer to its last message again. */
  readonly regenerates: boolean
}

export const answerId = (runId: string): string => `answer-${runId}`

/** Whether the answer is in a message that the page has the beginning of. */
export const continuesMessage = ({ messageId, publicId }: Input): boolean => messageId !== answerId(publicId)

/** A rewritten history may be the same as before, and its answer is to be another one. */
const isRegenerated = ({ trigger }: ChatRequest): boolean => trigger === "regenerate-message"

/** Whether a message of the user, which is in the history already, was edited. */
const isEdited = ({ messageId, messages }: ChatRequest): boolean => {
  const last = messages.at(-1)
  return last?.role === "user" && last.id === messageId
}

/** Reads a post. */
export const make = Effect.fnUntraced(function* (
  thread: Thread,
  agentId: Ids.AgentId,
  request: ChatRequest,
  traceContext: RequestSnapshot.RequestSnapshot["traceContext"],
) {
  const {
    editedArgs,
    id: _id,
    messageId: _messageId,
    messages,
    trigger: _trigger,
    ...forwardedProps
  } = request
  const last = messages.at(-1)!
  const goesOn = last.role === "assistant" && !isRegenerated(request)
  const publicId = isRegenerated(request)
    ? Ids.RunId.make(yield* Ids.uuidV7)
    : Ids.derivedRunId("chat", Json.canonicalJson([thread.conversationId, agentId, request]))
  return {
    agentId,
    publicId,
    snapshot: {
      messages: UiMessages.toSnapshot(messages, goesOn),
      tools: [],
      context: [],
      ...(Object.keys(forwardedProps).length === 0 ? {} : { forwardedProps }),
      ...(traceContext === undefined ? {} : { traceContext }),
      // As for AG-UI: a call of a tool of the page is the page's to make, and its next message says that it does not.
      protocol: "ag-ui",
    },
    answers: goesOn ? UiMessages.answersOf(last, editedArgs ?? undefined) : [],
    messageId: goesOn ? last.id : answerId(publicId),
    rewrites: isRegenerated(request) || isEdited(request),
    regenerates: isRegenerated(request),
  } satisfies Input
})

/** The post as what lets a run go on that waits for these: with its answers to them, and nothing else, since the run has the rest. */
export const followUpOf = (
  { answers, publicId, snapshot: { protocol, traceContext } }: Input,
  open: ReadonlyArray<Interrupt.Interrupt>,
): FollowUp.FollowUp => {
  const to = (isResult: boolean) =>
    answers.filter(({ interruptId }) =>
      open.some(
        ({ clientTool, id, toolCallId }) =>
          (clientTool === true) === isResult && (id === interruptId || toolCallId === interruptId),
      ),
    )
  return {
    publicId,
    resume: to(false),
    results: to(true),
    snapshot: {
      messages: [],
      tools: [],
      context: [],
      ...(traceContext === undefined ? {} : { traceContext }),
      ...(protocol === undefined ? {} : { protocol }),
    },
  }
}
