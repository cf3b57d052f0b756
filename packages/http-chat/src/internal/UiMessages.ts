/**
 * Messages of a page of the AI SDK as messages of a request, without loss, and the answers in them.
 *
 * | UI message | request |
 * | - | - |
 * | a message of the user or the system | a message with the same parts |
 * | a step of an assistant's message | a separate message: its parts, and behind them the results of its calls |
 * | `tool-…` and `dynamic-tool` | a `tool_call` part, and a `tool_result` part where there is an output, an error or a refusal |
 * | any other part | the same part |
 *
 * Source: `UIMessage` of npm `ai` 7.0.173
 */
import { Edits, type Interrupt, type RequestSnapshot } from "@runlease/core"
import { Predicate } from "effect"
import { asText } from "./Chunk.js"

type Part = RequestSnapshot.MessagePart

export interface UiMessage {
  readonly id: string
  readonly role: "system" | "user" | "assistant"
  readonly parts: ReadonlyArray<Part>
  readonly metadata?: unknown
}

const isPart = (value: unknown): value is Part =>
  Predicate.isRecord(value) && typeof value["type"] === "string" && value["type"] !== ""

const isTool = ({ type }: Part): boolean => type === "dynamic-tool" || type.startsWith("tool-")

const nameOf = ({ toolName, type }: Part): string =>
  type === "dynamic-tool" ? asText(toolName) : type.slice("tool-".length)

const approvalOf = ({ approval }: Part): Readonly<Record<string, unknown>> =>
  Predicate.isRecord(approval) ? approval : {}

/** The output of a call, if it has one. */
interface Output {
  readonly result: unknown
  readonly isError?: true
}

const outputOf = (part: Part): Output | undefined => {
  switch (part["state"]) {
    case "output-available":
      return part["preliminary"] === true ? undefined : { result: part["output"] ?? null }
    case "output-error":
      return { result: asText(part["errorText"]), isError: true }
    case "output-denied":
      return { result: asText(approvalOf(part)["reason"] ?? "This call was not approved"), isError: true }
    default:
      return undefined
  }
}

/** The fields of a call that the parts of a request have another name for. */
const renamed = new Set([
  "type",
  "toolCallId",
  "toolName",
  "state",
  "input",
  "rawInput",
  "inputEncoding",
  "output",
  "errorText",
])

const callOf = (part: Part): Part => ({
  ...Object.fromEntries(
    Object.entries(part).filter(([name, value]) => !renamed.has(name) && value !== undefined),
  ),
  type: "tool_call",
  toolCallId: part["toolCallId"],
  toolName: nameOf(part),
  args: typeof part["input"] === "string" ? part["input"] : asText(part["input"] ?? part["rawInput"] ?? {}),
})

const resultOf = (part: Part): ReadonlyArray<Part> => {
  const output = outputOf(part)
  if (output === undefined) return []
  const { isError, result } = output
  return [
    {
      type: "tool_result",
      toolCallId: part["toolCallId"],
      result: typeof result === "string" ? result : asText(result),
      ...(isError === undefined ? {} : { isError }),
    },
  ]
}

/** A part of a page's state that is no part of the conversation. */
const withoutState = ({ state: _state, ...part }: Part): Part => part as Part

/** A message of the user to the run that wrote the answer. */
const isSteering = ({ type }: Part): boolean => type === "steering-message"

/** The parts of each step, without the marks between them. A message of the user is by itself. */
const stepsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<ReadonlyArray<Part>> => {
  const steps: Array<Array<Part>> = [[]]
  for (const part of parts) {
    if (part.type === "step-start") steps.push([])
    else if (isSteering(part)) steps.push([part], [])
    else steps.at(-1)!.push(part)
  }
  const filled = steps.filter((step) => step.length > 0)
  return filled.length === 0 ? [[]] : filled
}

const steeringOf = (part: Part, otherwise: string): RequestSnapshot.SnapshotMessage => ({
  id: typeof part["id"] === "string" ? part["id"] : otherwise,
  role: "user",
  parts: Array.isArray(part["parts"]) ? part["parts"].filter(isPart) : [],
})

/** A part with what its model's provider has encrypted, which `Extras` sends as data next to it. */
const withEncrypted = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const values = new Map(
    parts.flatMap(({ data, type }) =>
      type === "data-encrypted" && Predicate.isRecord(data) && typeof data["entityId"] === "string"
        ? [[data["entityId"], data["encryptedValue"]] as const]
        : [],
    ),
  )
  return values.size === 0
    ? parts
    : parts.flatMap((part) => {
        if (part.type === "data-encrypted") return []
        const encryptedValue = values.get(String(part["toolCallId"] ?? part["id"]))
        return encryptedValue === undefined ? [part] : [{ ...part, encryptedValue }]
      })
}

/** The message of the page that a message of a request is part of, where the run continues with it. */
const field = "uiMessageId"

/** The id of a step of an assistant's message. */
const stepId = (id: string, step: number): string => (step === 0 ? id : `${id}.${step}`)

/** Whether a message of a request is a later step of the assistant's message of that id. */
export const isStepOf = ({ id }: RequestSnapshot.SnapshotMessage, messageId: string): boolean =>
  id.startsWith(`${messageId}.`) && /^[1-9]\d*$/.test(id.slice(messageId.length + 1))

/** What a page has as the metadata of a message. */
export const ownMetadata = ({ metadata }: RequestSnapshot.SnapshotMessage): unknown => {
  if (!Predicate.isRecord(metadata)) return metadata
  const { [field]: _, ...own } = metadata
  return Object.keys(own).length === 0 ? undefined : own
}

const ofAssistant = (
  { id, metadata, parts }: UiMessage,
  goesOn: boolean,
): ReadonlyArray<RequestSnapshot.SnapshotMessage> =>
  stepsOf(parts).map((step, index) => {
    const [first] = step
    if (first !== undefined && isSteering(first)) return steeringOf(first, stepId(id, index))
    const own = index === 0 && metadata !== undefined ? { metadata } : {}
    const marked = { ...(Predicate.isRecord(own.metadata) ? own.metadata : {}), [field]: id }
    return {
      id: stepId(id, index),
      role: "assistant",
      parts: [
        ...withEncrypted(step).map((part) => (isTool(part) ? callOf(part) : withoutState(part))),
        ...step.flatMap((part) => (isTool(part) ? resultOf(part) : [])),
      ],
      ...(goesOn ? { metadata: marked } : own),
    }
  })

/** The messages of a request. `goesOn`: the run is to go on with the last message, an assistant's. */
export const toSnapshot = (
  messages: ReadonlyArray<UiMessage>,
  goesOn: boolean,
): ReadonlyArray<RequestSnapshot.SnapshotMessage> =>
  messages.flatMap((message, index) =>
    message.role === "assistant" ? ofAssistant(message, goesOn && index === messages.length - 1) : [message],
  )

/**
 * The messages of a request that the run continues with, and the message of the page that they are; none where the run has a message of its
 * own.
 */
export const continuedIn = (
  messages: ReadonlyArray<RequestSnapshot.SnapshotMessage>,
): { readonly id: string; readonly parts: ReadonlyArray<ReadonlyArray<Part>> } | undefined => {
  const idOf = ({ metadata, role }: RequestSnapshot.SnapshotMessage): unknown =>
    role === "assistant" && Predicate.isRecord(metadata) ? metadata[field] : undefined
  const last = messages.at(-1)
  const id = last === undefined ? undefined : idOf(last)
  return typeof id === "string"
    ? { id, parts: messages.filter((message) => idOf(message) === id).map(({ parts }) => parts) }
    : undefined
}

/** What a page answers in a message: by the ids of approvals and of calls. `edits`: the arguments that it has edited, by those of approvals. */
export const answersOf = (
  { parts }: UiMessage,
  edits: Readonly<Record<string, unknown>> = {},
): ReadonlyArray<Interrupt.Answer> =>
  parts.filter(isTool).flatMap((part): ReadonlyArray<Interrupt.Answer> => {
    const toolCallId = asText(part["toolCallId"])
    if (part["state"] === "approval-responded") {
      const { approved, id, reason } = approvalOf(part)
      const interruptId = asText(id)
      const payload = {
        approved: approved === true,
        ...(typeof reason === "string" ? { reason } : {}),
        ...(Object.hasOwn(edits, interruptId) ? { [Edits.field]: edits[interruptId] } : {}),
      }
      return [{ interruptId, status: "resolved", payload }]
    }
    const output = outputOf(part)
    if (output === undefined) return []
    const { isError, result } = output
    return [
      {
        interruptId: toolCallId,
        status: "resolved",
        payload: result,
        ...(isError === undefined ? {} : { isError }),
      },
    ]
  })
