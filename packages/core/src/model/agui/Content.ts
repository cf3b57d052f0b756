/**
 * Maps content parts of AG-UI to parts of a snapshot's messages and back.
 *
 * A text part is the same in both. AG-UI's image, audio, video and document are a `file` part: `mediaType`, `url` (a data
 * URL when the bytes are inline) or `fileId` and `provider`, `filename`; and `kind` where the media type does not imply it.
 * An image without a media type is `image/*`.
 * Fields that AG-UI does not have are in its `metadata`, under our key.
 */
import type { MessagePart } from "../RequestSnapshot.js"
import { isRecord, type Json, optional, ourKey, without } from "./JsonObject.js"

const mediaKinds = new Set(["image", "audio", "video", "document"])

const kindOf = (mediaType: unknown): string => {
  const kind = typeof mediaType === "string" ? mediaType.slice(0, mediaType.indexOf("/")) : ""
  return mediaKinds.has(kind) ? kind : "document"
}

/** Moves our fields from the `metadata` of AG-UI back into the part. */
const lift = (part: Json): Json => {
  const metadata = part["metadata"]
  if (!isRecord(metadata)) return part
  const extra = metadata[ourKey]
  const name = metadata["filename"]
  const named = part["type"] === "file" && typeof name === "string"
  const lifted = [...(isRecord(extra) ? [ourKey] : []), ...(named ? ["filename"] : [])]
  if (lifted.length === 0) return part
  const rest = without(metadata, ...lifted)
  return {
    ...without(part, "metadata"),
    ...(Object.keys(rest).length === 0 ? {} : { metadata: rest }),
    ...(isRecord(extra) ? extra : {}),
    ...(named ? { filename: name } : {}),
  }
}

/** The metadata of an AG-UI part: the part's own, its file name, and every field besides those of `mapped`. */
const lower = (part: Json, mapped: ReadonlyArray<string>): Json => {
  const extra = without(part, "type", "id", "metadata", "filename", ...mapped)
  const named = typeof part["filename"] === "string" ? { filename: part["filename"] } : {}
  const metadata = {
    ...named,
    ...(isRecord(part["metadata"]) ? part["metadata"] : {}),
    ...(Object.keys(extra).length === 0 ? {} : { [ourKey]: extra }),
  }
  return {
    ...optional("id", typeof part["id"] === "string" ? part["id"] : undefined),
    ...optional("metadata", Object.keys(metadata).length > 0 ? metadata : (part["metadata"] ?? undefined)),
  }
}

const locationOf = (source: Json): Json | undefined => {
  const { mimeType, provider, type, value } = source
  if (typeof value !== "string") return undefined
  switch (type) {
    case "url":
      return { url: value }
    case "data":
      return { url: `data:${String(mimeType)};base64,${value}` }
    case "file":
      return { fileId: value, ...optional("provider", provider) }
    default:
      return undefined
  }
}

/** Makes a part of a snapshot from one of AG-UI. A part that AG-UI 1.0 does not have is returned unchanged. */
export const fromContent = (part: MessagePart): MessagePart => {
  if (!mediaKinds.has(part.type)) return { ...lift(part), type: part.type }
  const source = part["source"]
  const location = isRecord(source) ? locationOf(source) : undefined
  if (location === undefined || !isRecord(source)) return part
  const mediaType = source["mimeType"] ?? (part.type === "document" ? undefined : `${part.type}/*`)
  return {
    ...lift({
      type: "file",
      ...optional("mediaType", mediaType),
      ...location,
      ...(kindOf(mediaType) === part.type ? {} : { kind: part.type }),
      ...without(part, "type", "source"),
    }),
    type: "file",
  }
}

const dataUrl = /^data:([^,]*);base64,([\s\S]*)$/

/** Matches a kind of media without a subtype. */
const anyOf = /^(image|audio|video)\/\*$/

const sourceOf = (part: MessagePart): Json | undefined => {
  const { fileId, mediaType, provider, url } = part
  const isSpecific = typeof mediaType === "string" && !anyOf.test(mediaType)
  const mimeType = optional("mimeType", isSpecific ? mediaType : undefined)
  if (typeof url === "string") {
    const inline = dataUrl.exec(url)
    return inline === null
      ? { type: "url", value: url, ...mimeType }
      : { type: "data", value: inline[2], mimeType: inline[1] }
  }
  return typeof fileId === "string"
    ? {
        type: "file",
        value: fileId,
        ...optional("provider", typeof provider === "string" ? provider : undefined),
        ...mimeType,
      }
    : undefined
}

/** Makes a part of AG-UI from one of a snapshot; undefined when AG-UI has no such part. */
export const toContent = (part: MessagePart): MessagePart | undefined => {
  if (part.type === "text" && typeof part["text"] === "string") {
    return { type: "text", text: part["text"], ...lower(part, ["text"]) }
  }
  const source = part.type === "file" ? sourceOf(part) : undefined
  if (source === undefined) return undefined
  const { kind } = part
  return {
    type:
      typeof kind === "string" && mediaKinds.has(kind)
        ? kind
        : kindOf(source["mimeType"] ?? part["mediaType"]),
    source,
    ...lower(part, ["mediaType", "url", "fileId", "provider", "kind"]),
  }
}
