/**
 * The message that a run gets when one of its children has ended, where the child was spawned with `tellsParent`.
 *
 * ```ts
 * const message = yield* Inbox.take("next", { key: round })
 * const ended = ChildMessage.fromMessage(message)
 * ```
 *
 * Source: docs/decisions/0113-a-child-tells-its-parent.md
 */
import { Array, Option, Schema } from "effect"
import { AgentId, RunId } from "./Ids.js"
import type { InboxMessage } from "./InboxMessage.js"
import type { MessagePart } from "./RequestSnapshot.js"
import { RunError, TerminalStatus } from "./Run.js"

/** The type of the part that says which child has ended, and how. */
export const partType = "child_ended"

/**
 * A child that has ended: its place among the children of the run, its agent, and how. Its value is read by a join, which does not
 * wait for it any more.
 */
export const EndedChild = Schema.Struct({
  runId: RunId,
  index: Schema.NonNegativeInt,
  agentId: AgentId,
  status: TerminalStatus,
  error: Schema.optional(RunError),
})
export type EndedChild = typeof EndedChild.Type

/** The parts of the message: one for programs, and text for people and models. */
export const toParts = ({ agentId, error, index, runId, status }: EndedChild): ReadonlyArray<MessagePart> => [
  { type: partType, runId, index, agentId, status, ...(error === undefined ? {} : { error }) },
  {
    type: "text",
    text: `Run ${runId} of agent ${agentId} has ended: ${status}${error === undefined ? "" : `, ${error.message}`}`,
  },
]

const decode = Schema.decodeUnknownOption(EndedChild)

/** The child that a message of the inbox is about; none for a message of somebody else. */
export const fromMessage = ({ parts }: Pick<InboxMessage, "parts">): Option.Option<EndedChild> =>
  Option.flatMap(
    Array.findFirst(parts, ({ type }) => type === partType),
    (part) => decode(part),
  )
