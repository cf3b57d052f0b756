/** A new run of a thread. */
import { type ControlPlaneError, Conversations, Ids, type Run, Runs } from "@runlease/core"
import { Context, Effect, Option, Schema } from "effect"
import * as Refusal from "../../contract/Refusal.js"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import type { Ports } from "../ProjectPorts.js"
import * as Input from "./Input.js"
import type * as Thread from "./Thread.js"

/** The run of that id, or the one that has accepted an input of that id. */
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

/** Passes an id by which a caller names what follows, but none in the space of derived ids, whether or not a run has it. */
export const checkName = (id: Ids.RunId, field: string): Effect.Effect<void, Refusal.Refusal> =>
  Ids.isReservedRunId(id)
    ? Refusal.make(400, "invalid_request", `${field}: ${Ids.reservedRunIdProblem}`, { field })
    : Effect.void

/** Accepts a run of a thread, whose conversation is made where there is none. */
export const inThread = (
  ports: Ports,
  thread: Thread.Thread,
  submission: Omit<Runs.SubmissionInput, "conversationId">,
) => {
  const submitted = Context.get(ports, Runs.Runs).submit({
    ...submission,
    conversationId: thread.conversationId,
  })
  return Effect.catchTag(submitted, "ConversationNotFound", () =>
    Effect.zipRight(
      Context.get(ports, Conversations.Conversations).create({
        id: thread.conversationId,
        ...(thread.id === thread.conversationId ? {} : { metadata: { threadId: thread.id } }),
      }),
      submitted,
    ),
  )
}

/** The parts of a new run apart from its input. `derived`: as in a submission. */
export interface Options extends Input.Routing {
  readonly derived: true | undefined
}

/** Accepts a run, once: the same input again returns the same run. */
export const submit = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  input: RunAgentInput,
  options: Options,
) {
  const parent = input.parentRunId === undefined ? Option.none() : yield* find(ports, input.parentRunId)
  const { run } = yield* inThread(ports, thread, {
    agentId: options.agentId,
    publicId: input.runId,
    derived: options.derived,
    parentRunId: Option.getOrUndefined(parent)?.runId,
    implementationKind: options.implementationKind,
    workerKey: options.workerKey,
    snapshot: Input.snapshotOf(input, options),
  })
  return run
})
