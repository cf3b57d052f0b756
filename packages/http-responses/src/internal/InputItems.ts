/**
 * Converts items of OpenAI Responses to messages of a snapshot and back.
 *
 * | item | snapshot |
 * | - | - |
 * | `message` | a message of its role |
 * | `input_text`, `output_text`, `refusal` | a `text` part |
 * | `input_image`, `input_file` | a `file` part: `url` (`data:` for bytes), `mediaType`, `filename` |
 * | `function_call` | a `tool_call` part of an assistant |
 * | `function_call_output` | a `tool_result` part of a tool |
 * | `reasoning` | a `reasoning` part |
 */
import type { RequestSnapshot } from "@runlease/core"
import { Either, Predicate, Schema } from "effect"
import * as Errors from "./Errors.js"
import { decode, optional, outputText } from "./Protocol.js"

type Decoded<A> = Either.Either<A, Errors.ResponsesError>
type Decoder<A> = (value: unknown, at: string) => Decoded<A>
type Part = RequestSnapshot.MessagePart
type Message = Omit<RequestSnapshot.SnapshotMessage, "id">

const taking =
  <A, I, B>(schema: Schema.Schema<A, I>, make: (value: A, at: string) => Decoded<B>): Decoder<B> =>
  (value, at) =>
    Either.flatMap(decode(schema, value, at), (decoded) => make(decoded, at))

const byType =
  <A>(decoders: Readonly<Record<string, Decoder<A>>>, otherwise?: string): Decoder<A> =>
  (value, at) => {
    if (!Predicate.isRecord(value)) return Either.left(Errors.invalid(at, "must be an object"))
    const type = value["type"] ?? otherwise
    const decoder = typeof type === "string" && Object.hasOwn(decoders, type) ? decoders[type] : undefined
    return decoder === undefined
      ? Either.left(Errors.invalid(`${at}.type`, `must be one of ${Object.keys(decoders).join(", ")}`))
      : decoder(value, at)
  }

const all = <A>(values: ReadonlyArray<unknown>, decoder: Decoder<A>, at: string): Decoded<Array<A>> =>
  Either.all(values.map((value, index) => decoder(value, `${at}[${index}]`)))

const Text = Schema.Struct({ text: Schema.String })

const text = taking(Text, (part) => Either.right<Part>({ type: "text", text: part.text }))

const mediaTypeOf = (url: string): string | undefined => /^data:([^;,]+)[;,]/.exec(url)?.[1]

const File = Schema.Struct({
  image_url: optional(Schema.String),
  file_data: optional(Schema.String),
  file_url: optional(Schema.String),
  file_id: optional(Schema.String),
  filename: optional(Schema.String),
})

/** `fields`: where the file may be; `mediaType`: that of an address that says none. */
const file = (fields: ReadonlyArray<"image_url" | "file_data" | "file_url">, mediaType?: string) =>
  taking(File, (part, at) => {
    const url = fields.map((field) => part[field]).find((value) => value !== undefined)
    if (url === undefined) {
      return part.file_id === undefined
        ? Either.left(Errors.invalid(`${at}.${fields[0]}`, "is missing"))
        : Either.left(
            Errors.invalid(`${at}.file_id`, `files are not stored here; send ${fields.join(" or ")}`),
          )
    }
    const type = mediaTypeOf(url) ?? mediaType
    return Either.right<Part>({
      type: "file",
      url,
      ...(type === undefined ? {} : { mediaType: type }),
      ...(part.filename === undefined ? {} : { filename: part.filename }),
    })
  })

const part = byType<Part>({
  input_text: text,
  output_text: text,
  text,
  refusal: taking(Schema.Struct({ refusal: Schema.String }), ({ refusal }) =>
    Either.right<Part>({ type: "text", text: refusal }),
  ),
  input_image: file(["image_url"], "image/*"),
  input_file: file(["file_data", "file_url"]),
})

const message = taking(
  Schema.Struct({
    role: Schema.Literal("user", "assistant", "system", "developer"),
    content: Schema.Union(Schema.String, Schema.Array(Schema.Unknown)),
    phase: optional(Schema.String),
  }),
  ({ content, phase, role }, at) =>
    Either.map(
      typeof content === "string"
        ? Either.right<ReadonlyArray<Part>>([{ type: "text", text: content }])
        : all(content, part, `${at}.content`),
      (parts): Message => ({ role, parts, ...(phase === undefined ? {} : { metadata: { phase } }) }),
    ),
)

const callId = Schema.String.pipe(Schema.minLength(1))

const item = byType<Message>(
  {
    message,
    function_call: taking(
      Schema.Struct({ call_id: callId, name: callId, arguments: Schema.String }),
      ({ arguments: args, call_id, name }) =>
        Either.right<Message>({
          role: "assistant",
          parts: [{ type: "tool_call", toolCallId: call_id, toolName: name, args }],
        }),
    ),
    function_call_output: taking(
      Schema.Struct({
        call_id: callId,
        output: Schema.Union(Schema.String, Schema.Array(Schema.Unknown)),
      }),
      ({ call_id, output }) =>
        Either.right<Message>({
          role: "tool",
          parts: [{ type: "tool_result", toolCallId: call_id, result: output }],
        }),
    ),
    reasoning: taking(
      Schema.Struct({
        summary: optional(Schema.Array(Text)),
        content: optional(Schema.Array(Text)),
        encrypted_content: optional(Schema.String),
      }),
      ({ content, encrypted_content, summary = [] }) =>
        Either.right<Message>({
          role: "reasoning",
          parts: [
            {
              type: "reasoning",
              text: (content === undefined || content.length === 0 ? summary : content)
                .map((one) => one.text)
                .join(""),
              ...(encrypted_content === undefined ? {} : { encryptedValue: encrypted_content }),
            },
          ],
        }),
    ),
  },
  "message",
)

const idOf = (value: unknown): string | undefined =>
  Predicate.isRecord(value) && typeof value["id"] === "string" ? value["id"] : undefined

/** The messages of items. `prefix`: that of the ids of items without one. */
export const toMessages = (
  input: unknown,
  prefix: string,
): Decoded<ReadonlyArray<RequestSnapshot.SnapshotMessage>> => {
  const items = typeof input === "string" ? [{ role: "user", content: input }] : (input ?? [])
  if (!Array.isArray(items))
    return Either.left(Errors.invalid("input", "must be a string or a list of items"))
  return Either.map(all(items, item, "input"), (messages) =>
    messages.map((one, index) => ({ id: idOf(items[index]) ?? `${prefix}_${index}`, ...one })),
  )
}

const string = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

const contentOf = (role: string, part: Part): object => {
  const { filename, mediaType, url } = part
  if (part.type !== "file") {
    return role === "assistant"
      ? outputText(string(part["text"]))
      : { type: "input_text", text: string(part["text"]) }
  }
  if (String(mediaType).startsWith("image/")) {
    return { type: "input_image", image_url: url, detail: "auto", file_id: null }
  }
  const isData = string(url).startsWith("data:")
  return {
    type: "input_file",
    [isData ? "file_data" : "file_url"]: url,
    ...(filename === undefined ? {} : { filename }),
  }
}

/** A message of a run's request as an item. */
export const fromMessage = ({ id, metadata, parts, role }: RequestSnapshot.SnapshotMessage): object => {
  const find = (type: string) => parts.find((one) => one.type === type)
  const call = find("tool_call")
  if (call !== undefined) {
    const { args, toolCallId, toolName } = call
    return {
      id,
      type: "function_call",
      call_id: toolCallId,
      name: toolName,
      arguments: args,
      status: "completed",
    }
  }
  const result = find("tool_result")
  if (result !== undefined) {
    const { result: output, toolCallId } = result
    return { id, type: "function_call_output", call_id: toolCallId, output, status: "completed" }
  }
  const reasoning = find("reasoning")
  if (reasoning !== undefined) {
    const content = [{ type: "reasoning_text", text: string(reasoning["text"]) }]
    return { id, type: "reasoning", summary: [], content }
  }
  const phase = Predicate.isRecord(metadata) ? metadata["phase"] : undefined
  return {
    id,
    type: "message",
    status: "completed",
    role,
    content: parts.map((one) => contentOf(role, one)),
    ...(phase === undefined ? {} : { phase }),
  }
}
