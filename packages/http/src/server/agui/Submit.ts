/**
 * A new run of a thread.
 *
 * @since 0.1.0
 */
import { AgUiMessages, Conversations, Ids, type RequestSnapshot, type Run, Runs } from "@runlease/core"
import { Context, Effect, Option, Schema } from "effect"
import * as Refusal from "../../Refusal.js"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import type { Ports } from "../KnownProjects.js"
import * as Thread from "./Thread.js"

/** What the request says beside its input. */
export interface Routing {
  readonly agentId: Ids.AgentId
  readonly implementationKind: string | undefined
  readonly workerKey: string | undefined
  readonly traceContext: typeof RequestSnapshot.TraceContext.Type | undefined
}

const snapshotOf = (
  { context, forwardedProps, messages, state, tools }: RunAgentInput,
  { traceContext }: Routing,
): RequestSnapshot.RequestSnapshot => ({
  messages: AgUiMessages.fromAgUi(messages),
  tools,
  context,
  ...(forwardedProps === undefined ? {} : { forwardedProps }),
  ...(state === undefined ? {} : { state }),
  ...(traceContext === undefined ? {} : { traceContext }),
})

const waitingRefusal = (waiting: ReadonlyArray<Run.Run>) =>
  Refusal.make(
    409,
    "thread_waiting",
    "The thread waits for answers: send `resume` with an entry, resolved or cancelled, for each of " +
      `${waiting.flatMap(Thread.openIds).join(", ")}; or cancel run ${waiting.map(({ runId }) => runId).join(", ")}`,
    { field: "resume" },
  )

const conflict = ({ publicId }: Runs.SubmissionConflict) =>
  Refusal.make(
    409,
    "submission_conflict",
    `Run ${publicId} exists with another input; choose another runId`,
    {
      field: "runId",
    },
  )

/**
 * Accepts a run, once: the same input again gives the same run.
 *
 * Fails: with a refusal when the id is that of another run, or the thread waits for answers, behind which a run would
 * wait too.
 *
 * @since 0.1.0
 * @category submission
 */
export const submit = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  input: RunAgentInput,
  routing: Routing,
) {
  const runs = Context.get(ports, Runs.Runs)
  const conversations = Context.get(ports, Conversations.Conversations)
  const find = (runId: string) =>
    Schema.is(Ids.RunId)(runId)
      ? Effect.catchTag(Effect.asSome(runs.get(runId)), "RunNotFound", () => Effect.succeedNone)
      : Effect.succeedNone

  const waiting = yield* Thread.runs(ports, thread, { status: "waiting" })
  if (waiting.length > 0 && Option.isNone(yield* find(input.runId))) return yield* waitingRefusal(waiting)
  // To its client a run that went on after an interrupt is another, which is not there.
  const parent = input.parentRunId === undefined ? Option.none() : yield* find(input.parentRunId)
  const submitted = runs.submit({
    agentId: routing.agentId,
    publicId: input.runId,
    conversationId: thread.conversationId,
    parentRunId: Option.getOrUndefined(parent)?.runId,
    implementationKind: routing.implementationKind,
    workerKey: routing.workerKey,
    snapshot: snapshotOf(input, routing),
  })
  const { run } = yield* submitted.pipe(
    Effect.catchTag("ConversationNotFound", () =>
      Effect.zipRight(
        conversations.create({
          id: thread.conversationId,
          ...(thread.id === thread.conversationId ? {} : { metadata: { threadId: thread.id } }),
        }),
        submitted,
      ),
    ),
    Effect.catchTag("SubmissionConflict", conflict),
  )
  return run
})
