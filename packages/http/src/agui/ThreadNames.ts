/**
 * Names for threads whose client sends none: each is a separate thread.
 *
 * Source: docs/decisions/0033-threads-by-name.md
 */
import { Predicate } from "effect"

/** The thread of assistant-ui when its agent has none: the same for all users of a project. */
export const placeholder = "main"

/** An input without a thread as one in the thread of its run, so that the same input again is in the same thread. */
export const named = (input: unknown): unknown => {
  if (!Predicate.isRecord(input)) return input
  const { runId, threadId } = input
  return typeof runId === "string" && (threadId == null || threadId === "")
    ? { ...input, threadId: `thread-of-${runId}` }
    : input
}

/** The thread of an input, by its client's name. Under the placeholder each history has its own, by its first message. */
export const nameOf = (input: {
  readonly threadId: string
  readonly messages: ReadonlyArray<{ readonly id: string }>
}): string => {
  const [first] = input.messages
  return input.threadId === placeholder && first !== undefined ? `${placeholder}/${first.id}` : input.threadId
}
