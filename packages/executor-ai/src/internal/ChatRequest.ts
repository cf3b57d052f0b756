/** Encodes a prompt and its tools as the body of a request for a chat completion. */
import { AiError, type LanguageModel, type Prompt, Tool } from "@effect/ai"
import { Effect, Either, Encoding } from "effect"

interface Message {
  readonly role: string
  readonly content: unknown
  readonly [field: string]: unknown
}

const unsupported = (description: string) =>
  Either.left(new AiError.MalformedInput({ module: "ChatCompletions", method: "request", description }))

const urlOf = (part: Prompt.FilePart, mediaType: string): string => {
  if (part.data instanceof URL) return part.data.toString()
  const base64 = typeof part.data === "string" ? part.data : Encoding.encodeBase64(part.data)
  return `data:${mediaType};base64,${base64}`
}

const audioFormats: Readonly<Record<string, string>> = {
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
}

const userPart = (part: Prompt.UserMessagePart): Either.Either<unknown, AiError.MalformedInput> => {
  if (part.type === "text") return Either.right({ type: "text", text: part.text })
  const { data, fileName, mediaType } = part
  if (mediaType.startsWith("image/")) {
    const url = urlOf(part, mediaType === "image/*" ? "image/jpeg" : mediaType)
    return Either.right({ type: "image_url", image_url: { url } })
  }
  const format = audioFormats[mediaType]
  if (format !== undefined && !(data instanceof URL)) {
    const base64 = typeof data === "string" ? data : Encoding.encodeBase64(data)
    return Either.right({ type: "input_audio", input_audio: { data: base64, format } })
  }
  if (mediaType === "application/pdf" && !(data instanceof URL)) {
    const file = { filename: fileName ?? "file.pdf", file_data: urlOf(part, mediaType) }
    return Either.right({ type: "file", file })
  }
  return unsupported(`Files of type ${mediaType} cannot be sent as part of a chat completion`)
}

const userContent = (
  parts: ReadonlyArray<Prompt.UserMessagePart>,
): Either.Either<unknown, AiError.MalformedInput> =>
  parts.every((part) => part.type === "text")
    ? Either.right(parts.map(({ text }) => text).join("\n"))
    : Either.all(parts.map(userPart))

const assistantMessage = (content: ReadonlyArray<Prompt.AssistantMessagePart>): Message => {
  const text = content.flatMap((part) => (part.type === "text" ? part.text : [])).join("")
  const calls = content.flatMap((part) =>
    part.type === "tool-call"
      ? [
          {
            id: part.id,
            type: "function",
            function: { name: part.name, arguments: JSON.stringify(part.params) },
          },
        ]
      : [],
  )
  return {
    role: "assistant",
    content: text === "" ? null : text,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

const resultText = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result) ?? "null")

const messagesOf = (
  message: Prompt.Message,
): Either.Either<ReadonlyArray<Message>, AiError.MalformedInput> => {
  switch (message.role) {
    case "system":
      return Either.right([{ role: "system", content: message.content }])
    case "user":
      return Either.map(userContent(message.content), (content) => [{ role: "user", content }])
    case "assistant":
      return Either.right([assistantMessage(message.content)])
    case "tool":
      return Either.right(
        message.content.map(({ id, result }) => ({
          role: "tool",
          tool_call_id: id,
          content: resultText(result),
        })),
      )
  }
}

const toolOf = (tool: Tool.Any): Either.Either<unknown, AiError.MalformedInput> =>
  Tool.isProviderDefined(tool)
    ? unsupported(`${tool.name} is a tool of one provider, which a chat completion cannot name`)
    : Either.right({
        type: "function",
        function: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          parameters: Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast),
        },
      })

const toolChoiceOf = (choice: LanguageModel.ProviderOptions["toolChoice"]): unknown => {
  if (typeof choice === "string") return choice
  if ("tool" in choice) return { type: "function", function: { name: choice.tool } }
  return choice.mode ?? "auto"
}

const responseFormatOf = (format: LanguageModel.ProviderOptions["responseFormat"]): object =>
  format.type === "text"
    ? {}
    : {
        response_format: {
          type: "json_schema",
          json_schema: {
            name: format.objectName,
            schema: Tool.getJsonSchemaFromSchemaAst(format.schema.ast),
          },
        },
      }

/** The body of the request. Fails with `MalformedInput` for content that a chat completion cannot hold. */
export const make = (
  options: { readonly model: string; readonly maxTokens?: number | undefined },
  request: LanguageModel.ProviderOptions,
): Effect.Effect<object, AiError.MalformedInput> =>
  Either.gen(function* () {
    const messages = yield* Either.all(request.prompt.content.map(messagesOf))
    const tools = yield* Either.all(request.tools.map(toolOf))
    return {
      model: options.model,
      messages: messages.flat(),
      ...(tools.length === 0 ? {} : { tools, tool_choice: toolChoiceOf(request.toolChoice) }),
      ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
      ...responseFormatOf(request.responseFormat),
      stream: true,
      stream_options: { include_usage: true },
    }
  })
