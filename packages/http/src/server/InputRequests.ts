/**
 * Requests for input: the questions of a conversation's runs, found by the runs that wait. No row has a request.
 *
 * Source: docs/decisions/0150-input-requests.md
 */
import { Conversations, type Ids, type Interrupt, type Run, Runs, TreeBudget } from "@runlease/core"
import * as AnswerCheck from "@runlease/core/AnswerCheck"
import { Context, Effect } from "effect"
import * as Refusal from "../contract/Refusal.js"
import * as InputRequest from "../Wire/InputRequest.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import { type Ports, ProjectPortsCache } from "./ProjectPorts.js"

/** The most runs of a conversation that are looked at. */
const maxRuns = 100

const notFound = Refusal.make(
  404,
  "input_request_not_found",
  "No run of this conversation waits for this input",
)

const resolved = Refusal.make(409, "input_request_resolved", "This request has an answer, or was cancelled")

interface Found {
  readonly run: Run.Run
  readonly interrupt: Interrupt.Interrupt
  readonly answer: Interrupt.Answer | undefined
}

/** The questions of the runs of a conversation that wait, those of runs that the caller reaches. */
const questions = Effect.fnUntraced(function* (ports: Ports, conversationId: Ids.ConversationId) {
  // An unknown conversation is refused.
  yield* Context.get(ports, Conversations.Conversations).get(conversationId)
  const { items } = yield* Context.get(ports, Runs.Runs).list({
    conversationId,
    status: ["waiting"],
    limit: maxRuns,
  })
  const reached = yield* Effect.filter(items, ({ runId }) => Caller.reaches(runId))
  return reached.flatMap((run) =>
    InputRequest.ofRun(run)
      // A question about a budget is answered by its own command.
      .filter(({ interrupt }) => !TreeBudget.isQuestionId(interrupt.id))
      .map((question): Found => ({ run, ...question })),
  )
})

const toRequest = ({ answer, interrupt, run }: Found) => InputRequest.make(run, interrupt, answer)

/** Whether a run of the conversation has an answer to the request already. */
const isResolved = Effect.fnUntraced(function* (
  ports: Ports,
  conversationId: Ids.ConversationId,
  requestId: string,
) {
  const runs = Context.get(ports, Runs.Runs)
  const { items } = yield* runs.list({ conversationId, limit: maxRuns })
  for (const { runId } of items) {
    const { resume = [] } = yield* Effect.catchTag(runs.snapshot(runId, { own: true }), "RunNotFound", () =>
      Effect.succeed<{ readonly resume?: ReadonlyArray<Interrupt.Answer> }>({}),
    )
    if (resume.some(({ interruptId }) => InputRequest.idOf(runId, interruptId) === requestId)) return true
  }
  return false
})

const find = Effect.fnUntraced(function* (
  ports: Ports,
  { conversation_id, input_request_id }: { conversation_id: Ids.ConversationId; input_request_id: string },
) {
  const all = yield* questions(ports, conversation_id)
  return all.find(({ interrupt, run }) => InputRequest.idOf(run.runId, interrupt.id) === input_request_id)
})

export const layer = group("inputRequests", (handlers) =>
  Effect.map(ProjectPortsCache, (projects) => {
    /** Answers the request, once. */
    const answer = Effect.fnUntraced(function* (
      path: { conversation_id: Ids.ConversationId; input_request_id: string },
      answerOf: (interrupt: Interrupt.Interrupt) => Pick<Interrupt.Answer, "status" | "payload">,
    ) {
      const ports = yield* Caller.conversation(["write"], path.conversation_id)
      const found = yield* find(ports, path)
      if (found === undefined) {
        const { conversation_id, input_request_id } = path
        return yield* (yield* isResolved(ports, conversation_id, input_request_id)) ? resolved : notFound
      }
      const { interrupt, run } = found
      if (found.answer !== undefined) return yield* resolved
      const reply: Interrupt.Answer = { interruptId: interrupt.id, ...answerOf(interrupt) }
      if (reply.status === "resolved") {
        const sent = { field: "values", payload: reply.payload }
        yield* AnswerCheck.checkWhole(projects.checkAnswer, run.runId, interrupt, sent)
      }
      const { duplicate } = yield* Context.get(ports, Runs.Runs)
        .resume(run.runId, [reply])
        .pipe(Effect.catchTag("NotWaiting", ({ answered }) => (answered ? resolved : notFound)))
      if (duplicate) return yield* resolved
      return InputRequest.make(run, interrupt, InputRequest.withoutSecrets(interrupt, reply))
    })

    return handlers
      .handle("list", ({ path, urlParams: { status = "open" } }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.conversation(["read"], path.conversation_id)
          const all = yield* questions(ports, path.conversation_id)
          return { data: all.map(toRequest).filter((request) => request.status === status) }
        }),
      )
      .handle("get", ({ path }) =>
        Effect.gen(function* () {
          const found = yield* find(yield* Caller.conversation(["read"], path.conversation_id), path)
          return found === undefined ? yield* notFound : toRequest(found)
        }),
      )
      .handle("respond", ({ path, payload: { values } }) =>
        answer(path, (interrupt) => ({
          status: "resolved",
          payload: InputRequest.payloadOf(interrupt, values),
        })),
      )
      .handle("cancel", ({ path }) => answer(path, () => ({ status: "cancelled" })))
  }),
)
