/** What was said so far, as the prompt of a model. */
import { Prompt } from "@effect/ai"
import { type PastAttempts, RequestSnapshot } from "@runlease/core"
import { Effect, Either, Option, Predicate, Schema } from "effect"
import * as History from "./History.js"
import * as Media from "./Media.js"
import * as ToolContent from "./ToolContent.js"

type Message = RequestSnapshot.SnapshotMessage
type Part = RequestSnapshot.MessagePart

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

const ProviderOptions = Schema.parseJson(Prompt.ProviderOptions)
const decodeOptions = Schema.decodeUnknownOption(ProviderOptions)

/** What a provider needs to recognize what its model said, as text that only it can read. */
export const encodeOptions = Schema.encodeSync(ProviderOptions)

const optionsOf = (part: Part) => ({
  options: Option.getOrElse(decodeOptions(part["encryptedValue"]), () => ({})),
})

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** The arguments of a call as an object, which providers demand. */
export const paramsOf = (args: unknown): Record<string, unknown> => {
  const parsed = typeof args === "string" ? Option.getOrUndefined(parseJson(args)) : args
  return Predicate.isRecord(parsed) ? parsed : {}
}

/** What the model cannot be told is reported to `drop`. */
type Drop = (what: string) => void

const assistantPart = (part: Part, drop: Drop): ReadonlyArray<Prompt.AssistantMessagePart> => {
  const text = textOf(part["text"])
  switch (part.type) {
    case "text":
      return text === "" ? [] : [Prompt.textPart({ text, ...optionsOf(part) })]
    case "reasoning":
      return [Prompt.reasoningPart({ text, ...optionsOf(part) })]
    case "tool_call":
      return [
        Prompt.toolCallPart({
          id: textOf(part["toolCallId"]),
          name: textOf(part["toolName"]),
          params: paramsOf(part["args"]),
          providerExecuted: false,
          ...optionsOf(part),
        }),
      ]
    case "tool_result":
      return []
    default:
      drop(`a part of type ${part.type} that an assistant said`)
      return []
  }
}

const userPart = (
  part: Part,
  provider: string | undefined,
  drop: Drop,
): ReadonlyArray<Prompt.UserMessagePart> => {
  const text = textOf(part["text"])
  if (part.type === "text") return text === "" ? [] : [Prompt.textPart({ text })]
  const media = Media.isMedia(part)
    ? Media.ofPart(part, provider)
    : Either.left(`a part of the unknown type ${part.type}`)
  return Either.match(media, {
    onLeft: (why) => {
      drop(why)
      return []
    },
    onRight: (made) => [made],
  })
}

const unanswered = { result: "No result of this call was recorded.", isFailure: true, dropped: [] }

/** Each call with its result right after it, as providers demand, wherever the result was told. */
const resultsFor = (
  parts: ReadonlyArray<Prompt.AssistantMessagePart>,
  results: ReadonlyMap<string, Part>,
  drop: Drop,
): ReadonlyArray<Prompt.Message> => {
  const content = parts.flatMap((part) => {
    if (part.type !== "tool-call") return []
    const told = results.get(part.id)
    const { dropped, isFailure, result } = told === undefined ? unanswered : ToolContent.make(told)
    for (const kind of dropped) drop(`a part of type ${kind} in the result of tool call ${part.id}`)
    return Prompt.toolResultPart({ id: part.id, name: part.name, providerExecuted: false, isFailure, result })
  })
  return content.length === 0 ? [] : [Prompt.toolMessage({ content })]
}

/** What the client tells beside its messages, such as what its user looks at. */
const contextText = (entry: unknown): string =>
  Predicate.isRecord(entry) && typeof entry["value"] === "string"
    ? `${textOf(entry["description"])}: ${entry["value"]}`
    : (JSON.stringify(entry) ?? "")

const isReasoned = ({ options }: Prompt.ReasoningPart): boolean =>
  Object.values(options).some((fields) => fields !== undefined)

/**
 * One turn of the model. Providers refuse reasoning that nothing follows, and what they marked as reasoned without the
 * reasoning.
 */
const turnOf = (
  parts: ReadonlyArray<Prompt.AssistantMessagePart>,
): ReadonlyArray<Prompt.AssistantMessagePart> => {
  const end = parts.findLastIndex(({ type }) => type !== "reasoning")
  const turn = parts.slice(0, end + 1)
  if (turn.some((part) => part.type === "reasoning" && isReasoned(part))) return turn
  return turn.map((part) =>
    part.type === "text"
      ? Prompt.textPart({ text: part.text })
      : part.type === "tool-call"
        ? Prompt.toolCallPart({ ...part, options: {} })
        : part,
  )
}

const isModel = ({ role }: Message): boolean => role === "assistant" || role === "reasoning"

const holdsMore = ({ parts, role }: Message): boolean =>
  role === "reasoning" || parts.some(({ type }) => type === "tool_call")

/** Messages in groups, of which each makes one: a client has a turn that reasons and calls tools as several. */
const grouped = (messages: ReadonlyArray<Message>): ReadonlyArray<ReadonlyArray<Message>> => {
  const groups: Array<Array<Message>> = []
  for (const message of messages) {
    const last = groups.at(-1)
    const before = last?.at(-1)
    if (
      last !== undefined &&
      before !== undefined &&
      isModel(message) &&
      isModel(before) &&
      holdsMore(before)
    ) {
      last.push(message)
    } else groups.push([message])
  }
  return groups
}

/**
 * The prompt of a run: what the request holds, and what its own attempts said before they waited for answers. Whatever
 * is told to the model as its system comes first. What no model can use is left out, with a warning.
 *
 * `provider` is the model's, if it is known.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly system: string | undefined
  readonly provider: string | undefined
  readonly snapshot: RequestSnapshot.RequestSnapshot
  readonly attempts: ReadonlyArray<PastAttempts.PastAttempt>
  /** The results of calls of earlier parts that this attempt has made. */
  readonly settled: ReadonlyMap<string, Part>
}) {
  const { attempts, provider, settled, snapshot, system } = options
  const { messages, results: past, voidCalls } = History.make(snapshot.messages, attempts)
  const results = new Map([...past, ...settled])
  const called = History.calledIds(messages)
  const dropped: Array<string> = []
  const drop: Drop = (what) => dropped.push(what)

  const context = snapshot.context.map(contextText).filter((line) => line !== "")
  const systems = [
    system ?? "",
    ...messages.flatMap((message) =>
      message.role === "system" || message.role === "developer" ? RequestSnapshot.textOf(message) : [],
    ),
    context.length === 0 ? "" : `Context:\n${context.join("\n")}`,
  ].filter((content) => content !== "")

  /** The model should know a result whose call is in no message, too. */
  const orphan = (part: Part): ReadonlyArray<Prompt.Message> => {
    const id = textOf(part["toolCallId"])
    if (part.type !== "tool_result" || called.has(id) || voidCalls.has(id)) return []
    const { result } = ToolContent.make(part)
    const text = `The result of tool call ${id}: ${JSON.stringify(result) ?? "none"}`
    return [Prompt.userMessage({ content: [Prompt.textPart({ text })] })]
  }

  const said = (group: ReadonlyArray<Message>): ReadonlyArray<Prompt.Message> => {
    const [message] = group
    if (message === undefined) return []
    switch (message.role) {
      case "assistant":
      case "reasoning": {
        const content = turnOf(
          group.flatMap(({ parts }) => parts.flatMap((part) => assistantPart(part, drop))),
        )
        if (content.length === 0) return []
        return [Prompt.assistantMessage({ content }), ...resultsFor(content, results, drop)]
      }
      case "tool":
        return message.parts.flatMap(orphan)
      case "user": {
        const content = message.parts.flatMap((part) => userPart(part, provider, drop))
        return content.length === 0 ? [] : [Prompt.userMessage({ content })]
      }
      case "system":
      case "developer":
      case "activity":
        return []
      default:
        drop(`a message of the unknown role ${message.role}`)
        return []
    }
  }

  const turns = grouped(messages).flatMap(said)
  if (dropped.length > 0) {
    yield* Effect.logWarning("The model is not told what it cannot use").pipe(
      Effect.annotateLogs({ left_out: dropped }),
    )
  }
  return [...systems.map((content) => Prompt.systemMessage({ content })), ...turns]
})
