/**
 * A new run of a thread.
 *
 * @since 0.1.0
 */
import { type ControlPlaneError, Conversations, Ids, type Run, Runs } from "@runlease/core"
import { Context, Effect, Option, Schema } from "effect"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import type { Ports } from "../ProjectPortsCache.js"
import * as Input from "./Input.js"
import type * as Thread from "./Thread.js"

/** The run of that id, or the one that has taken an input of that id. */
export const find = (
  ports: Ports,
  runId: string,
): Effect.Effect<Option.Option<Run.Run>, ControlPlaneError.ControlPlaneError> =>
  Schema.is(Ids.RunId)(runId)
    ? Effect.catchTag(
        Effect.asSome(Context.get(ports, Runs.Runs).get(runId)),
        "RunNotFound",
        () => Effect.succeedNone,
      )
    : Effect.succeedNone

/**
 * Accepts a run, once: the same input again gives the same run.
 *
 * @since 0.1.0
 * @category submission
 */
export const submit = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  input: RunAgentInput,
  routing: Input.Routing,
) {
  const conversations = Context.get(ports, Conversations.Conversations)
  const parent = input.parentRunId === undefined ? Option.none() : yield* find(ports, input.parentRunId)
  const submitted = Context.get(ports, Runs.Runs).submit({
    agentId: routing.agentId,
    publicId: input.runId,
    conversationId: thread.conversationId,
    parentRunId: Option.getOrUndefined(parent)?.runId,
    implementationKind: routing.implementationKind,
    workerKey: routing.workerKey,
    snapshot: Input.snapshotOf(input, routing),
  })
  const { run } = yield* Effect.catchTag(submitted, "ConversationNotFound", () =>
    Effect.zipRight(
      conversations.create({
        id: thread.conversationId,
        ...(thread.id === thread.conversationId ? {} : { metadata: { threadId: thread.id } }),
      }),
      submitted,
    ),
  )
  return run
})
