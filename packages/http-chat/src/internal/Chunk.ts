/**
 * The chunks of a UI message stream of the AI SDK.
 *
 * Source: `uiMessageChunkSchema` of npm `ai` 7.0.173.
 */
import type { AgentEvent } from "@runlease/core"
import { Predicate } from "effect"

/** A chunk: an object with a `type`. */
export type Chunk = AgentEvent.LogEvent

/** The end of a stream, which is no chunk. */
export const done: Chunk = { type: "[DONE]" }

/** The text of a chunk in the stream. */
export const encode = (chunk: Chunk): string => (chunk === done ? done.type : JSON.stringify(chunk))

/** A part of the page's own kind: `data-` and a name. */
export const data = (name: string, value: unknown, more: object = {}): Chunk => ({
  type: `data-${name}`,
  data: value ?? null,
  ...more,
})

/** Data that the page is shown once, and that is no part of the message. */
export const transient = (name: string, value: unknown): Chunk => data(name, value, { transient: true })

/** What is ours, as the metadata of a provider. */
export const ours = (fields: Readonly<Record<string, unknown>>): object => {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined)
  return present.length === 0 ? {} : { providerMetadata: { runlease: Object.fromEntries(present) } }
}

export const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** A value as text, for people. */
export const asText = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "")

const fits: Readonly<Record<string, ReadonlyArray<string>>> = {
  "source-url": ["sourceId", "url"],
  "source-document": ["sourceId", "mediaType", "title"],
  file: ["url", "mediaType"],
  "reasoning-file": ["url", "mediaType"],
}

/** The value of an agent's CUSTOM event: a source or a file by its name, anything else as data of that name. */
export const custom = (name: string, value: unknown): Chunk => {
  const required = fits[name]
  if (
    required !== undefined &&
    Predicate.isRecord(value) &&
    required.every((field) => typeof value[field] === "string")
  ) {
    const optional = ["title", "filename"].filter((field) => typeof value[field] === "string")
    return {
      type: name,
      ...Object.fromEntries([...required, ...optional].map((field) => [field, value[field]])),
    }
  }
  const id = Predicate.isRecord(value) && typeof value["id"] === "string" ? { id: value["id"] } : {}
  return data(name, value, id)
}
