/** Builds the prompts of an agent from the messages of a run. */
import type { ContentBlock, PromptCapabilities } from "@agentclientprotocol/sdk"
import { type InboxMessage, Json, RequestSnapshot, type Run } from "@runlease/core"
import { createHash } from "node:crypto"

type Message = RequestSnapshot.SnapshotMessage

/** Identifies a message. Its id is not enough, since another request of the client may use the same id. */
const fingerprintOf = ({ id, parts, role }: Message): string =>
  createHash("sha256").update(Json.canonicalJson({ id, role, parts })).digest("hex").slice(0, 32)

const isOfUser = ({ role }: Message): boolean => role === "user"

/** The fingerprint of the last message of a run's user, which ends the prompt of the run. */
export const lastOf = ({ snapshot }: Run.ClaimedRun): string | undefined => {
  const message = snapshot.messages.findLast(isOfUser)
  return message === undefined ? undefined : fingerprintOf(message)
}

/** The messages to the run, as `PastAttempts` has them. */
export const ofInbox = (messages: ReadonlyArray<InboxMessage.InboxMessage>): ReadonlyArray<Message> =>
  messages.map(({ id, key, parts }) => ({ id: key ?? id, role: "user", parts }))

/** As `lastOf`, of messages to the run. A later run may have the last of them under its id or under its key. */
export const lastOfInbox = (messages: ReadonlyArray<InboxMessage.InboxMessage>): string | undefined => {
  const last = messages.at(-1)
  return last === undefined
    ? undefined
    : [last.id, last.key]
        .flatMap((id) => (id === undefined ? [] : fingerprintOf({ id, role: "user", parts: last.parts })))
        .join(" ")
}

/**
 * The history, and the new messages of the user. New messages come after the session's last prompt and after the agent's
 * last message. If there are none, the last message of the user counts as new.
 */
const split = (
  messages: ReadonlyArray<Message>,
  prompted: string | undefined,
): readonly [ReadonlyArray<Message>, ReadonlyArray<Message>] => {
  const at = (from: number) => [messages.slice(0, from), messages.slice(from).filter(isOfUser)] as const
  const lastAnswer = messages.findLastIndex(({ role }) => role === "assistant")
  const lastPrompt = messages.findLastIndex(
    (message) => isOfUser(message) && prompted?.includes(fingerprintOf(message)) === true,
  )
  if (lastPrompt <= lastAnswer) return at(lastAnswer + 1)
  const isNew = messages.slice(lastPrompt + 1).some(isOfUser)
  return at(isNew ? lastPrompt + 1 : lastPrompt)
}

const text = (value: string): ContentBlock => ({ type: "text", text: value })

const dataUrl = /^data:([^;,]*)(?:;[^,]*)?;base64,([\s\S]*)$/

const decoded = (data: string): string => Buffer.from(data, "base64").toString("utf8")

/** A part in a form that the agent supports. A text describes a part that it does not support. */
const blockOf = (part: RequestSnapshot.MessagePart, capabilities: PromptCapabilities): ContentBlock => {
  if (part.type === "text" && typeof part["text"] === "string") return text(part["text"])
  const { filename, mediaType, url } = part
  const name = typeof filename === "string" ? filename : "attachment"
  if (typeof url !== "string") return text(`[${part.type}: ${JSON.stringify(part).slice(0, 4000)}]`)
  const inline = dataUrl.exec(url)
  if (inline === null) {
    return {
      type: "resource_link",
      uri: url,
      name,
      ...(typeof mediaType === "string" ? { mimeType: mediaType } : {}),
    }
  }
  const [, mimeType = "", data = ""] = inline
  if (mimeType.startsWith("image/") && capabilities.image === true) return { type: "image", mimeType, data }
  if (mimeType.startsWith("audio/") && capabilities.audio === true) return { type: "audio", mimeType, data }
  const isText = mimeType.startsWith("text/") || mimeType === "application/json"
  const uri = `attachment:///${encodeURIComponent(name)}`
  if (capabilities.embeddedContext === true) {
    return isText
      ? { type: "resource", resource: { uri, mimeType, text: decoded(data) } }
      : { type: "resource", resource: { uri, mimeType, blob: data } }
  }
  if (isText) return text(`${name}:\n${decoded(data)}`)
  return text(`[${name} (${mimeType}), which this agent cannot take]`)
}

const blocksOf = (messages: ReadonlyArray<Message>, capabilities: PromptCapabilities) =>
  messages.flatMap(({ parts }) => parts.map((part) => blockOf(part, capabilities)))

const describe = (part: RequestSnapshot.MessagePart): string => {
  switch (part.type) {
    case "text":
      return String(part["text"])
    case "tool_call":
      return `[called ${String(part["toolName"])} with ${String(part["args"])}]`
    case "tool_result":
      return `[got ${JSON.stringify(part["result"])}]`
    default:
      return `[${part.type}]`
  }
}

/** The longest transcript, in UTF-16 units. Agents cannot read much more. */
const maxHistory = 200_000

const transcript = (history: ReadonlyArray<Message>): ReadonlyArray<ContentBlock> => {
  if (history.length === 0) return []
  const lines = history.map(({ parts, role }) => `${role}: ${parts.map(describe).join("\n")}`).join("\n\n")
  const recent = lines.length > maxHistory ? `…${lines.slice(-maxHistory)}` : lines
  return [
    text(`This is the conversation so far, for you to go on from:\n\n${recent}\n\nThe next message is:`),
  ]
}

/** The part of the conversation that a session already holds: nothing, all before this run, or some of this run too. */
export type SessionKnowledge = "nothing" | "conversation" | "run"

const interruptedNote =
  "Your work on the following request was interrupted. Go on from where you were, without doing again what is done."

const answeredNote =
  "Your work on the following request was interrupted to ask a person, and the answer is there now. Go on from where you were: make the call that was not done again, exactly as before, and you will get the answer."

/**
 * The messages of a prompt, and those before them that the session does not have. `begun`: whether an earlier attempt may have prompted
 * with these messages.
 */
export interface Request {
  readonly history: ReadonlyArray<Message>
  readonly latest: ReadonlyArray<Message>
  readonly begun: boolean
}

/** The prompt of the first turn of a run. `prompted`: the fingerprint of the last message that earlier runs prompted. */
export const ofRun = (
  { snapshot }: Run.ClaimedRun,
  knowledge: SessionKnowledge,
  prompted: string | undefined,
): Request => {
  const [history, latest] = split(snapshot.messages, prompted)
  return { history: knowledge === "nothing" ? history : [], latest, begun: true }
}

/** The prompt for messages that are new in a session which has all messages before them. */
export const ofMessages = (
  messages: ReadonlyArray<Message>,
  capabilities: PromptCapabilities,
): Array<ContentBlock> => {
  const blocks = blocksOf(messages, capabilities)
  return blocks.length === 0 ? [text("Go on.")] : blocks
}

/** The first prompt of an attempt. */
export const of = (
  run: Run.ClaimedRun,
  knowledge: SessionKnowledge,
  capabilities: PromptCapabilities,
  { begun, history, latest }: Request,
): Array<ContentBlock> => {
  const answered = (run.snapshot.resume ?? []).length > 0
  const note = !begun
    ? undefined
    : answered
      ? answeredNote
      : knowledge === "run"
        ? interruptedNote
        : undefined
  return [
    ...transcript(history),
    ...(note === undefined ? [] : [text(note)]),
    ...ofMessages(latest, capabilities),
  ]
}
