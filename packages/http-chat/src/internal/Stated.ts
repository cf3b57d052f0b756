/** The messages of a request as those of its page: the steps of an answer are one message again, with what the user sent in the middle of it. */
import type { RequestSnapshot } from "@runlease/core"
import * as UiMessages from "./UiMessages.js"

type Part = RequestSnapshot.MessagePart
type Message = RequestSnapshot.SnapshotMessage

/** A message, and the steps of it where it is an assistant's; otherwise its parts are the only step. */
export interface Stated {
  readonly id: string
  readonly role: UiMessages.UiMessage["role"]
  readonly metadata: unknown
  readonly steps: ReadonlyArray<ReadonlyArray<Part>>
}

const roleOf = ({ role }: Message): Stated["role"] =>
  role === "user" || role === "assistant" ? role : "system"

const ofMessage = (message: Message): Stated => ({
  id: message.id,
  role: roleOf(message),
  metadata: UiMessages.ownMetadata(message),
  steps: [message.parts],
})

const withSteps = (stated: Stated, steps: Stated["steps"]): Stated => ({
  ...stated,
  steps: [...stated.steps, ...steps],
})

/** What the user sent in the middle of an answer, as the page shows it in that answer. */
const steering = ({ id, steps }: Stated): ReadonlyArray<Part> => [
  { type: "steering-message", id, parts: steps.flat() },
]

export const ofSnapshot = (messages: ReadonlyArray<Message>): ReadonlyArray<Stated> => {
  const stated: Array<Stated> = []
  for (const message of messages) {
    const at = stated.findLastIndex(({ role }) => role === "assistant")
    const answer = stated[at]
    if (message.role === "tool") {
      // The result of a call of another client's assistant, whose message has no results.
      if (answer !== undefined && at === stated.length - 1) stated[at] = withSteps(answer, [message.parts])
    } else if (
      answer !== undefined &&
      message.role === "assistant" &&
      UiMessages.isStepOf(message, answer.id)
    ) {
      const between = stated.splice(at + 1).map(steering)
      stated[at] = withSteps(answer, [...between, message.parts])
    } else stated.push(ofMessage(message))
  }
  return stated
}
