/** Converts files and images of a snapshot to parts of a prompt. */
import { Prompt } from "@effect/ai"
import type { RequestSnapshot } from "@runlease/core"
import { Either, Encoding, Option, Predicate } from "effect"

const types = new Set(["file", "image", "document", "audio", "video", "binary"])

/** Whether a part holds media, by its type. */
export const isMedia = (part: RequestSnapshot.MessagePart): boolean => types.has(part.type)

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
export const ofPart = (
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
