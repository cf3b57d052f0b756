/** What was said so far, as the prompt of a model. */
import { Prompt } from "@effect/ai"
import { type Executor, type PastAttempts, RequestSnapshot } from "@runlease/core"
import { Effect, Either, Option, Predicate, Schema } from "effect"
import * as Media from "./Media.js"

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

/** A result that is JSON text is told as what it says, so that it is not encoded twice. */
export const resultOf = (content: unknown): unknown => {
  if (typeof content !== "string" || !/^\s*[[{]/.test(content)) return content
  return Option.getOrElse(parseJson(content), () => content)
}

const calledIds = (messages: ReadonlyArray<Message>): ReadonlySet<string> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === "tool_call" ? textOf(part["toolCallId"]) : [])),
    ),
  )

/** The ids of the calls that were made already. */
export const usedIds = (
  snapshot: RequestSnapshot.RequestSnapshot,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): Set<string> =>
  new Set([
    ...calledIds(snapshot.messages),
    ...attempts.flatMap(({ calls }) => calls.map(({ toolCallId }) => toolCallId)),
  ])

const assistantPart = (part: Part): ReadonlyArray<Prompt.AssistantMessagePart> => {
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
    default:
      return []
  }
}

const userPart = (
  part: Part,
): ReadonlyArray<Either.Either<Prompt.UserMessagePart, Executor.ExecutorError>> => {
  const text = textOf(part["text"])
  if (part.type === "text") return text === "" ? [] : [Either.right(Prompt.textPart({ text }))]
  return Media.isMedia(part) ? [Media.ofPart(part)] : []
}

const unanswered = { result: "No result of this call was recorded.", isFailure: true }

/** Each call with its result right after it, as providers demand, wherever the result was told. */
const resultsFor = (
  parts: ReadonlyArray<Prompt.AssistantMessagePart>,
  results: ReadonlyMap<string, Part>,
): ReadonlyArray<Prompt.Message> => {
  const content = parts.flatMap((part) => {
    if (part.type !== "tool-call") return []
    const told = results.get(part.id)
    const outcome =
      told === undefined
        ? unanswered
        : { result: resultOf(told["result"]) ?? null, isFailure: told["isError"] === true }
    return Prompt.toolResultPart({ id: part.id, name: part.name, providerExecuted: false, ...outcome })
  })
  return content.length === 0 ? [] : [Prompt.toolMessage({ content })]
}

/** What the client tells beside its messages, such as what its user looks at. */
const contextText = (entry: unknown): string =>
  Predicate.isRecord(entry) && typeof entry["value"] === "string"
    ? `${textOf(entry["description"])}: ${entry["value"]}`
    : (JSON.stringify(entry) ?? "")

/**
 * The prompt of a run: what the request holds, and what its own attempts said before they waited for answers. Whatever
 * is told to the model as its system comes first.
 */
export const make = (
  system: string | undefined,
  snapshot: RequestSnapshot.RequestSnapshot,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): Effect.Effect<ReadonlyArray<Prompt.Message>, Executor.ExecutorError> => {
  const given = snapshot.messages
  const known = calledIds(given)
  const own = attempts.flatMap(({ calls, messages, waited }) =>
    waited && !calls.some(({ toolCallId }) => known.has(toolCallId)) ? messages : [],
  )
  const messages = [...given, ...own]
  const called = calledIds(messages)
  const results = new Map<string, Part>()
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.type === "tool_result") results.set(textOf(part["toolCallId"]), part)
    }
  }

  const context = snapshot.context.map(contextText).filter((line) => line !== "")
  const systems = [
    system ?? "",
    ...messages.flatMap((message) =>
      message.role === "system" || message.role === "developer" ? RequestSnapshot.textOf(message) : [],
    ),
    context.length === 0 ? "" : `Context:\n${context.join("\n")}`,
  ].filter((content) => content !== "")

  const said = (message: Message): Either.Either<ReadonlyArray<Prompt.Message>, Executor.ExecutorError> => {
    switch (message.role) {
      case "assistant": {
        const content = message.parts.flatMap(assistantPart)
        if (content.length === 0) return Either.right([])
        return Either.right([Prompt.assistantMessage({ content }), ...resultsFor(content, results)])
      }
      case "tool": {
        // A result whose call nobody told is still something that the model should know.
        const orphans = message.parts.filter(
          (part) => part.type === "tool_result" && !called.has(textOf(part["toolCallId"])),
        )
        return Either.right(
          orphans.map((part) =>
            Prompt.userMessage({
              content: [
                Prompt.textPart({
                  text: `The result of tool call ${textOf(part["toolCallId"])}: ${JSON.stringify(part["result"]) ?? "none"}`,
                }),
              ],
            }),
          ),
        )
      }
      case "user":
        return Either.map(Either.all(message.parts.flatMap(userPart)), (content) =>
          content.length === 0 ? [] : [Prompt.userMessage({ content })],
        )
      default:
        return Either.right([])
    }
  }

  return Either.map(Either.all(messages.map(said)), (turns) => [
    ...systems.map((content) => Prompt.systemMessage({ content })),
    ...turns.flat(),
  ])
}
