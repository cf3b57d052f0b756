/** Removes files that a model does not accept, so that they do not fail the run. */
import { type AiError, Prompt } from "@effect/ai"
import { Effect, Option } from "effect"

/** The statuses with which a server refuses the content of a request. */
const refusals = new Set([400, 413, 415, 422])

/** The refusal of the request's content, with a description if there is one. Undefined for other errors. */
const refusalOf = (error: AiError.AiError): string | undefined => {
  if (error._tag === "MalformedInput") return error.description ?? ""
  return error._tag === "HttpResponseError" && refusals.has(error.response.status) ? "" : undefined
}

export interface Reduction {
  readonly messages: ReadonlyArray<Prompt.Message>
  /** Logs the media types of the removed files. */
  readonly warning: Effect.Effect<void>
}

/**
 * The messages without the files that the error is about: those whose media type it names, or all files if it names none.
 * None when the error is not a refusal or there are no files.
 */
export const remove = (
  messages: ReadonlyArray<Prompt.Message>,
  error: AiError.AiError,
): Option.Option<Reduction> => {
  const refusal = refusalOf(error)
  const files = messages.flatMap((message) =>
    message.role === "user" ? message.content.filter((part) => part.type === "file") : [],
  )
  if (refusal === undefined || files.length === 0) return Option.none()
  const named = files.filter(({ mediaType }) => refusal.includes(mediaType))
  const removed = new Set<Prompt.UserMessagePart>(named.length > 0 ? named : files)
  return Option.some({
    warning: Effect.logWarning(
      "The model does not accept these files, so the next request leaves them out",
    ).pipe(
      Effect.annotateLogs({
        left_out: Array.from(removed, (part) => (part.type === "file" ? part.mediaType : part.type)),
        reason: error.message,
      }),
    ),
    messages: messages.flatMap((message) => {
      if (message.role !== "user" || !message.content.some((part) => removed.has(part))) return [message]
      const content = message.content.filter((part) => !removed.has(part))
      return content.length === 0 ? [] : [Prompt.userMessage({ content, options: message.options })]
    }),
  })
}
