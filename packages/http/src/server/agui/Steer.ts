/**
 * An input that is a message to the run of its thread which works, rather than a new run.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import { Ids, Runs } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { Context, Effect, Predicate, Schema, Stream } from "effect"
import * as AgUiView from "../../agui/AgUiView.js"
import * as Peer from "../../agui/Peer.js"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import * as EventStream from "../EventStream.js"
import type { Ports } from "../ProjectPorts.js"
import type * as Thread from "./Thread.js"
import * as History from "./History.js"

/** Whether the client requests it: `forwardedProps.runlease.steer` is true. */
const isAsked = ({ forwardedProps }: RunAgentInput): boolean =>
  Predicate.isRecord(forwardedProps) &&
  Predicate.isRecord(forwardedProps["runlease"]) &&
  forwardedProps["runlease"]["steer"] === true

/** The messages of the user behind the last one of the agent. */
const newMessages = ({ messages }: RunAgentInput) =>
  AgUiMessages.fromAgUi(messages.slice(messages.findLastIndex(({ role }) => role !== "user") + 1))

const isKey = Schema.is(Ids.text(200))

/**
 * Sends the messages of the input to the run of the thread that works, without the messages that the run has, by their ids: in its request, or among
 * those that were sent to it. False where the input is to be a new run: the client did not request it,
 * says nothing new, or no run of that agent works in the thread.
 */
export const steer = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  input: RunAgentInput,
  agentId: Ids.AgentId,
) {
  const messages = isAsked(input) ? newMessages(input) : []
  if (messages.length === 0) return false
  const { current } = yield* History.unfinished(ports, thread)
  if (current === undefined || current.agentId !== agentId) return false
  const runs = Context.get(ports, Runs.Runs)
  // The history of a client that has heard nothing yet ends in what its run was submitted with, too.
  const sending = Effect.flatMap(runs.snapshot(current.runId), (request) => {
    const had = new Set(request.messages.map(({ id }) => id))
    return Effect.forEach(
      messages.filter(({ id }) => !had.has(id)),
      ({ id, parts }) => runs.tell(current.runId, { parts, ...(isKey(id) ? { idempotencyKey: id } : {}) }),
    )
  })
  // It may have ended by now.
  return yield* Effect.as(sending, true).pipe(
    Effect.catchTags({ RunEnded: () => Effect.succeed(false), RunNotFound: () => Effect.succeed(false) }),
  )
})

/** The answer to such an input: a run that says nothing. What the agent makes of the message is in the stream of the run that works. */
export const respond = (input: RunAgentInput) => {
  const { runId, threadId } = input
  const view = AgUiView.make({ runId, threadId }, { peer: Peer.of(input) })
  const events = [
    { type: "RUN_STARTED", threadId, runId },
    { type: "RUN_FINISHED", threadId, runId, outcome: { type: "success" } },
  ].flatMap(view)
  return EventStream.respond(
    Stream.fromIterable(events.map((event) => EventStream.frame(JSON.stringify(event)))),
  )
}
