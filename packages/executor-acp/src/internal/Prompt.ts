/** What an agent is prompted with, of a run's messages. */
import type { ContentBlock, PromptCapabilities } from "@agentclientprotocol/sdk"
import { Json, RequestSnapshot, type Run } from "@runlease/core"
import { createHash } from "node:crypto"

type Message = RequestSnapshot.SnapshotMessage

/** What a message is known by: ids alone may be those of another request of the same client. */
const fingerprintOf = ({ id, parts, role }: Message): string =>
  createHash("sha256").update(Json.canonicalJson({ id, role, parts })).digest("hex").slice(0, 32)

const isOfUser = ({ role }: Message): boolean => role === "user"

/** The last message of a run's user, which is the last that its session is prompted with. */
export const lastOf = ({ snapshot }: Run.ClaimedRun): string | undefined => {
  const message = snapshot.messages.findLast(isOfUser)
  return message === undefined ? undefined : fingerprintOf(message)
}

/**
 * The user's messages that are new, and all that was said before them. New is what came after the last that a session was
 * prompted with, and after the agent last spoke. When that leaves none, the last message of the user is asked again.
 */
const split = (
  messages: ReadonlyArray<Message>,
  prompted: string | undefined,
): readonly [ReadonlyArray<Message>, ReadonlyArray<Message>] => {
  const at = (from: number) => [messages.slice(0, from), messages.slice(from).filter(isOfUser)] as const
  const spoke = messages.findLastIndex(({ role }) => role === "assistant")
  const known = messages.findLastIndex((message) => isOfUser(message) && fingerprintOf(message) === prompted)
  if (known <= spoke) return at(spoke + 1)
  const isNew = messages.slice(known + 1).some(isOfUser)
  return at(isNew ? known + 1 : known)
}

const text = (value: string): ContentBlock => ({ type: "text", text: value })

const dataUrl = /^data:([^;,]*)(?:;[^,]*)?;base64,([\s\S]*)$/

const decoded = (data: string): string => Buffer.from(data, "base64").toString("utf8")

/** A part as the agent can take it; what it cannot take is described, so that it knows what it does not see. */
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

const told = (part: RequestSnapshot.MessagePart): string => {
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

/** Enough for an agent to know what was spoken of, and no more than it can read. */
const maxHistory = 200_000

const transcript = (history: ReadonlyArray<Message>): ReadonlyArray<ContentBlock> => {
  if (history.length === 0) return []
  const lines = history.map(({ parts, role }) => `${role}: ${parts.map(told).join("\n")}`).join("\n\n")
  const recent = lines.length > maxHistory ? `…${lines.slice(-maxHistory)}` : lines
  return [
    text(`This is the conversation so far, for you to go on from:\n\n${recent}\n\nThe next message is:`),
  ]
}

/** Where the session of the agent stands: it knows nothing, what was before this run, or some of this run too. */
export type Knows = "nothing" | "conversation" | "run"

const interruptedNote =
  "Your work on the following request was interrupted. Go on from where you were, without doing again what is done."

const answeredNote =
  "Your work on the following request was interrupted to ask a person, and the answer is there now. Go on from where you were: make the call that was not done again, exactly as before, and you will get the answer."

/** The prompt of a run, for a session that knows so much. `prompted` is the last message of the runs before. */
export const of = (
  run: Run.ClaimedRun,
  knows: Knows,
  capabilities: PromptCapabilities,
  prompted: string | undefined,
): Array<ContentBlock> => {
  const [history, latest] = split(run.snapshot.messages, prompted)
  const answered = (run.snapshot.resume ?? []).length > 0
  const request = blocksOf(latest, capabilities)
  const note = answered ? answeredNote : knows === "run" ? interruptedNote : undefined
  return [
    ...(knows === "nothing" ? transcript(history) : []),
    ...(note === undefined ? [] : [text(note)]),
    ...(request.length === 0 ? [text("Go on.")] : request),
  ]
}
