/** Files that a model does not take: they are left out, so that they do not fail its run. */
import { type AiError, Prompt } from "@effect/ai"
import { Effect, Option } from "effect"

/** What a server answers to a request that holds what it does not take. */
const refusals = new Set([400, 413, 415, 422])

/** What the module of the provider says of the request, or undefined when something else is wrong. */
const complaint = (error: AiError.AiError): string | undefined => {
  if (error._tag === "MalformedInput") return error.description ?? ""
  return error._tag === "HttpResponseError" && refusals.has(error.response.status) ? "" : undefined
}

export interface Reduced {
  readonly messages: ReadonlyArray<Prompt.Message>
  /** Says what is left out. */
  readonly warning: Effect.Effect<void>
}

/**
 * The messages without the files that the error is about: those whose media type it names, or else all of them. None when
 * the error is another, or no file is left.
 */
export const reduce = (
  messages: ReadonlyArray<Prompt.Message>,
  error: AiError.AiError,
): Option.Option<Reduced> => {
  const why = complaint(error)
  const files = messages.flatMap((message) =>
    message.role === "user" ? message.content.filter((part) => part.type === "file") : [],
  )
  if (why === undefined || files.length === 0) return Option.none()
  const named = files.filter(({ mediaType }) => why.includes(mediaType))
  const out = new Set<Prompt.UserMessagePart>(named.length > 0 ? named : files)
  return Option.some({
    warning: Effect.logWarning("The model does not take these files, so it is asked without them").pipe(
      Effect.annotateLogs({
        left_out: Array.from(out, (part) => (part.type === "file" ? part.mediaType : part.type)),
        reason: error.message,
      }),
    ),
    messages: messages.flatMap((message) => {
      if (message.role !== "user" || !message.content.some((part) => out.has(part))) return [message]
      const content = message.content.filter((part) => !out.has(part))
      return content.length === 0 ? [] : [Prompt.userMessage({ content, options: message.options })]
    }),
  })
}
