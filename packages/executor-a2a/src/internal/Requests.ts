/** What an agent is sent: the user's part of a run's request, and answers to its questions. */
import { type Message, type Part, Role, type SendMessageRequest } from "@a2a-js/sdk"
import { RequestSnapshot, type Run } from "@runlease/core"

const part = (content: NonNullable<Part["content"]>, more: Partial<Part> = {}): Part => ({
  content,
  metadata: undefined,
  filename: "",
  mediaType: "",
  ...more,
})

const textPart = (value: string): Part => part({ $case: "text", value })

const dataPart = (value: unknown): Part => part({ $case: "data", value }, { mediaType: "application/json" })

const string = (value: unknown): string => (typeof value === "string" ? value : "")

const bytesUrl = /^data:([^;,]*);base64,/

/** A part as A2A has it: what it has no name for is data. */
const toPart = (content: RequestSnapshot.MessagePart): Part => {
  if (content.type === "text" && content["data"] === undefined) return textPart(string(content["text"]))
  if (content.type === "text") return dataPart(content["data"])
  const url = string(content["url"])
  if (content.type !== "file" || url === "") return dataPart(content)
  const more = { filename: string(content["filename"]), mediaType: string(content["mediaType"]) }
  const bytes = bytesUrl.exec(url)
  return bytes === null
    ? part({ $case: "url", value: url }, more)
    : part(
        { $case: "raw", value: Buffer.from(url.slice(bytes[0].length), "base64") },
        { ...more, mediaType: more.mediaType || bytes[1]! },
      )
}

const requestOf = (parts: ReadonlyArray<Part>, message: Partial<Message>): SendMessageRequest => ({
  tenant: "",
  message: {
    messageId: "",
    contextId: "",
    taskId: "",
    role: Role.ROLE_USER,
    parts: [...parts],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...message,
  },
  // What comes of it is followed, so that a worker which dies misses nothing.
  configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately: true },
  metadata: undefined,
})

/** The messages of the user since the agent's last one, or the payload of a typed agent. The conversation is the context. */
export const first = (
  { conversationId, snapshot }: Run.ClaimedRun,
  messageId: string,
): SendMessageRequest => {
  const { input, messages } = snapshot
  const ofMessages = messages
    .slice(messages.findLastIndex(({ role }) => role === "assistant") + 1)
    .filter(({ role }) => role === "user")
    .flatMap(({ parts }) => parts.map(toPart))
  const parts = input === undefined ? ofMessages : [dataPart(input)]
  return requestOf(parts.length === 0 ? [textPart("")] : parts, { messageId, contextId: conversationId })
}

/** The answer to the question of a task: text as text, any other value as data. */
export const answer = (
  task: { readonly taskId: string; readonly contextId: string },
  payload: unknown,
  messageId: string,
): SendMessageRequest =>
  requestOf([typeof payload === "string" ? textPart(payload) : dataPart(payload)], { ...task, messageId })
