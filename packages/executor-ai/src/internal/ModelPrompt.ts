/** Builds the prompt of a model from the conversation so far. */
import { Prompt } from "@effect/ai"
import { Edits, RequestSnapshot } from "@runlease/core"
import type { PastAttempts } from "@runlease/core/executor"
import { Effect, Either, Encoding, Option, Predicate, Schema } from "effect"
import * as History from "./History.js"
import * as ProviderOptions from "./ProviderOptions.js"
import * as RecordedAnswers from "./RecordedAnswers.js"
import * as RequestedCall from "./RequestedCall.js"

// Converts files and images of a snapshot to parts of a prompt.

const types = new Set(["file", "image", "document", "audio", "video", "binary"])

/** Whether a part holds media, by its type. */
const isMedia = (part: RequestSnapshot.MessagePart): boolean => types.has(part.type)

const refuse = (part: RequestSnapshot.MessagePart, why: string) =>
  Either.left(`a part of type ${part.type} that ${why}`)

const firstText = (...values: ReadonlyArray<unknown>): string | undefined =>
  values.find((value): value is string => typeof value === "string" && value !== "")

const dataUrl = /^data:([^;,]*)(;[^,]*)?,([\s\S]*)$/

/** Every model reads plain text, even one that takes no files. */
const ofBytes = (mediaType: string, fileName: string | undefined, bytes: Uint8Array) =>
  mediaType.startsWith("text/") || mediaType === "application/json"
    ? Prompt.textPart({
        text: `${fileName === undefined ? "" : `${fileName}:\n`}${new TextDecoder().decode(bytes)}`,
      })
    : Prompt.filePart({ mediaType, fileName, data: bytes })

/** The ids of files in the storage of OpenAI. Only the module of OpenAI accepts the id of a file. */
const isOpenAiFile = /^file-/

/** A file in the storage of a provider, for a model of that provider. */
const ofHandle = (
  part: RequestSnapshot.MessagePart,
  fileId: string,
  storedBy: string | undefined,
  provider: string | undefined,
) => {
  if (storedBy !== provider || provider !== "openai" || !isOpenAiFile.test(fileId)) {
    return refuse(part, `names a file of ${storedBy ?? "an unknown provider"}, which this model cannot read`)
  }
  const mediaType = firstText(part["mediaType"]) ?? (part.type === "image" ? "image/*" : "application/pdf")
  return Either.right(Prompt.filePart({ mediaType, data: fileId }))
}

/**
 * The media of a part. AG-UI writes `{source: {type: "url" | "data", value, mimeType}}`. Other clients write `url` or
 * `data` (base64), and `mediaType`, besides `type`. A `data:` URL counts as data. `fileId` names a file in the storage of
 * `provider`. Fails with the reason why no model can use the part, as the end of a sentence.
 */
const ofPart = (
  part: RequestSnapshot.MessagePart,
  provider: string | undefined,
): Either.Either<Prompt.TextPart | Prompt.FilePart, string> => {
  const source = Predicate.isRecord(part["source"]) ? part["source"] : {}
  const kind = source["type"]
  const fileName = firstText(part["filename"], part["fileName"], part["name"])
  const declared = firstText(
    source["mimeType"],
    source["mediaType"],
    part["mediaType"],
    part["mimeType"],
    part["mime_type"],
  )
  const mediaType = declared ?? (part.type === "image" ? "image/*" : "application/octet-stream")
  const data = firstText(kind === "data" ? source["value"] : undefined, part["data"])
  const url = firstText(kind === "url" ? source["value"] : undefined, part["url"])
  const fileId = firstText(kind === "file" ? source["value"] : undefined, part["fileId"])
  const inline = dataUrl.exec(url ?? data ?? "")
  if (inline !== null) {
    const [, type, parameters = "", body = ""] = inline
    const bytes = parameters.endsWith(";base64")
      ? Encoding.decodeBase64(body)
      : Either.map(
          Either.try(() => decodeURIComponent(body)),
          (text) => new TextEncoder().encode(text),
        )
    return Either.match(bytes, {
      onLeft: () => refuse(part, "holds a data: URL that cannot be decoded"),
      onRight: (decoded) => Either.right(ofBytes(type || mediaType, fileName, decoded)),
    })
  }
  if (data !== undefined) {
    return Either.match(Encoding.decodeBase64(data), {
      onLeft: () => refuse(part, "holds data that is not base64"),
      onRight: (decoded) => Either.right(ofBytes(mediaType, fileName, decoded)),
    })
  }
  if (url === undefined && fileId !== undefined) {
    return ofHandle(part, fileId, firstText(source["provider"], part["provider"]), provider)
  }
  if (url === undefined) return refuse(part, "holds neither a url nor data")
  return Option.match(Option.liftThrowable((text: string) => new URL(text))(url), {
    onNone: () => refuse(part, `holds ${url}, which is not a URL`),
    onSome: (location) => Either.right(Prompt.filePart({ mediaType, fileName, data: location })),
  })
}

/** `dropped`: the types of the parts that the model cannot use. */
interface ToolContent {
  readonly result: unknown
  readonly isFailure: boolean
  readonly dropped: ReadonlyArray<string>
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** Parses a result that is JSON text, so that it is not encoded twice. */
const fromText = (content: unknown): unknown => {
  if (typeof content !== "string" || !/^\s*[[{]/.test(content)) return content
  return Option.getOrElse(parseJson(content), () => content)
}

type Part = RequestSnapshot.MessagePart

const isPart = (value: unknown): value is Part =>
  Predicate.isRecord(value) && typeof value["type"] === "string" && value["type"] !== ""

const isText = (part: Part): boolean => part.type === "text" && typeof part["text"] === "string"

/** Whether a result is a list of AG-UI parts, and not a list that a tool returned. */
const isContent = (result: unknown): result is ReadonlyArray<Part> =>
  Array.isArray(result) &&
  result.every(isPart) &&
  (result.length === 0 || result.some((part) => isText(part) || (isMedia(part) && "source" in part)))

/** The result of a call that a person had edited. The model would take it for that of its own arguments. */
const withEdits = (content: ToolContent, edits: unknown): ToolContent =>
  edits === undefined
    ? content
    : {
        ...content,
        result: {
          note: "A person approved this call with edited arguments. It was made with those, and not with yours.",
          edited_arguments: edits,
          result: content.result,
        },
      }

/** `error` marks a failure. The model reads it first, then the rest of the result. */
const toolContent = (part: Part): ToolContent => withEdits(contentOf(part), part[Edits.field])

const contentOf = ({ error, isError, result }: Part): ToolContent => {
  const parts = isContent(result) ? result : undefined
  const value =
    parts === undefined
      ? (fromText(result) ?? null)
      : parts.flatMap((part) => (isText(part) ? String(part["text"]) : [])).join("\n")
  const dropped = (parts ?? []).flatMap((part) => (isText(part) ? [] : part.type))
  if (typeof error !== "string") return { result: value, isFailure: isError === true, dropped }
  const more = value === null || value === "" || result === error ? [] : [value]
  const texts = more.map((one) => (typeof one === "string" ? one : JSON.stringify(one)))
  return { result: [error, ...texts].join("\n"), isFailure: true, dropped }
}

type Message = RequestSnapshot.SnapshotMessage

const optionsOf = (part: Part) => ({ options: ProviderOptions.decode(part["encryptedValue"]) })

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** Reports content that the model cannot use. */
type Drop = (what: string) => void

/** Data and sources that pages of the AI SDK show and send back. No model is meant to read them. */
const isForPages = ({ type }: Part): boolean => /^(data|source)-/.test(type)

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
          params: RequestedCall.paramsOf(part["args"]),
          providerExecuted: false,
          ...optionsOf(part),
        }),
      ]
    case "tool_result":
      return []
    default:
      if (!isForPages(part)) drop(`a part of type ${part.type} in a message of the assistant`)
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
  const media = isMedia(part)
    ? ofPart(part, provider)
    : Either.left(`a part of the unknown type ${part.type}`)
  return Either.match(media, {
    onLeft: (reason) => {
      drop(reason)
      return []
    },
    onRight: (made) => [made],
  })
}

const userTurn = (
  { parts }: Message,
  provider: string | undefined,
  drop: Drop,
): ReadonlyArray<Prompt.Message> => {
  const content = parts.flatMap((part) => userPart(part, provider, drop))
  return content.length === 0 ? [] : [Prompt.userMessage({ content })]
}

const warnOf = (dropped: ReadonlyArray<string>): Effect.Effect<void> =>
  dropped.length === 0
    ? Effect.void
    : Effect.logWarning("The prompt leaves out content that the model cannot use").pipe(
        Effect.annotateLogs({ left_out: dropped }),
      )

/** What a user says while the run works. Content that no model can use is left out with a warning. */
export const ofUser = (
  messages: ReadonlyArray<Message>,
  provider: string | undefined,
): Effect.Effect<ReadonlyArray<Prompt.Message>> =>
  Effect.suspend(() => {
    const dropped: Array<string> = []
    const turns = messages.flatMap((message) => userTurn(message, provider, (what) => dropped.push(what)))
    return Effect.as(warnOf(dropped), turns)
  })

const unanswered = { result: "No result of this call was recorded.", isFailure: true, dropped: [] }

/** The results of a message's calls. Providers demand them right after their calls, wherever the history has them. */
const resultsFor = (
  parts: ReadonlyArray<Prompt.AssistantMessagePart>,
  results: ReadonlyMap<string, Part>,
  drop: Drop,
): ReadonlyArray<Prompt.Message> => {
  const content = parts.flatMap((part) => {
    if (part.type !== "tool-call") return []
    const recorded = results.get(part.id)
    const { dropped, isFailure, result } = recorded === undefined ? unanswered : toolContent(recorded)
    for (const kind of dropped) drop(`a part of type ${kind} in the result of tool call ${part.id}`)
    return Prompt.toolResultPart({ id: part.id, name: part.name, providerExecuted: false, isFailure, result })
  })
  return content.length === 0 ? [] : [Prompt.toolMessage({ content })]
}

/** A piece of context that the client adds to its messages, such as the page that its user views. */
const contextText = (entry: unknown): string =>
  Predicate.isRecord(entry) && typeof entry["value"] === "string"
    ? `${textOf(entry["description"])}: ${entry["value"]}`
    : (JSON.stringify(entry) ?? "")

/**
 * One turn of the model. Providers refuse reasoning at the end of a turn. They also refuse the options of text and calls
 * without the reasoning that these belong to.
 */
const turnOf = (
  parts: ReadonlyArray<Prompt.AssistantMessagePart>,
): ReadonlyArray<Prompt.AssistantMessagePart> => {
  const end = parts.findLastIndex(({ type }) => type !== "reasoning")
  const turn = parts.slice(0, end + 1)
  if (turn.some((part) => part.type === "reasoning" && !ProviderOptions.isEmpty(part.options))) return turn
  return turn.map((part) =>
    part.type === "text"
      ? Prompt.textPart({ text: part.text })
      : part.type === "tool-call"
        ? Prompt.toolCallPart({ ...part, options: {} })
        : part,
  )
}

/** What a turn of the model is in the prompt: its message, and the results of its calls. */
const modelTurn = (
  turn: ReadonlyArray<Message>,
  results: ReadonlyMap<string, Part>,
  drop: Drop,
): ReadonlyArray<Prompt.Message> => {
  const content = turnOf(turn.flatMap(({ parts }) => parts.flatMap((part) => assistantPart(part, drop))))
  return content.length === 0
    ? []
    : [Prompt.assistantMessage({ content }), ...resultsFor(content, results, drop)]
}

/**
 * An answer of this attempt with the results of its calls. A later attempt makes the same of what the log has of it, so the model's
 * cache of the prompt stays valid.
 */
export const ofAnswer = (
  messages: ReadonlyArray<Message>,
  providerCalls: ReadonlySet<string>,
  results: ReadonlyMap<string, Part>,
): ReadonlyArray<Prompt.Message> =>
  History.ofAnswer(messages, providerCalls).flatMap((turn) => modelTurn(turn, results, () => {}))

/**
 * The prompt of a run: the messages of the request and the turns of the run's own earlier parts. System messages come
 * first. Content that no model can use is left out with a warning.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly system: string | undefined
  /** The name of the model's provider, where it is available. */
  readonly provider: string | undefined
  readonly snapshot: RequestSnapshot.RequestSnapshot
  readonly attempts: ReadonlyArray<PastAttempts.PastAttempt>
  /** The results of calls that an earlier part requested and this attempt made. */
  readonly settled: ReadonlyMap<string, Part>
}) {
  const { attempts, provider, settled, snapshot, system } = options
  const {
    results: past,
    turns,
    voidCalls,
  } = History.make(snapshot.messages, attempts, RecordedAnswers.providerCalls(attempts))
  const messages = turns.flat()
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

  /** A result whose call is in no message becomes a message of the user, so that the model sees it. */
  const orphanResult = (part: Part): ReadonlyArray<Prompt.Message> => {
    const id = textOf(part["toolCallId"])
    if (part.type !== "tool_result" || called.has(id) || voidCalls.has(id)) return []
    const { result } = toolContent(part)
    const text = `The result of tool call ${id}: ${JSON.stringify(result) ?? "none"}`
    return [Prompt.userMessage({ content: [Prompt.textPart({ text })] })]
  }

  const promptOf = (turn: ReadonlyArray<Message>): ReadonlyArray<Prompt.Message> => {
    const [message] = turn
    if (message === undefined) return []
    switch (message.role) {
      case "assistant":
      case "reasoning": {
        return modelTurn(turn, results, drop)
      }
      case "tool":
        return message.parts.flatMap(orphanResult)
      case "user":
        return userTurn(message, provider, drop)
      case "system":
      case "developer":
      case "activity":
        return []
      default:
        drop(`a message of the unknown role ${message.role}`)
        return []
    }
  }

  const conversation = turns.flatMap(promptOf)
  yield* warnOf(dropped)
  return [...systems.map((content) => Prompt.systemMessage({ content })), ...conversation]
})
