/**
 * The chunks that an older AI SDK takes: it refuses a stream with a type that it does not have.
 *
 * Source: `uiMessageChunkSchema` of npm `ai` 5.0.277 and 6.0.326
 */
import { type Chunk, data } from "./Chunk.js"

/** The major version of `ai` in a page. */
export type Version = "5" | "6" | "7"

const since7 = ["steering-message", "tool-approval-response", "reasoning-file", "custom"]

/** The types that a version has no part for, which become data parts of the same name. */
const unknown: Readonly<Record<Version, ReadonlySet<string>>> = {
  "5": new Set([...since7, "tool-approval-request"]),
  "6": new Set(since7),
  "7": new Set(),
}

/** A chunk as a version takes it. A part that an older version cannot remove stays; a call that was not approved has failed. */
export const of = (version: Version, chunk: Chunk): ReadonlyArray<Chunk> => {
  const { type, ...fields } = chunk
  if (version !== "7" && type === "reset-step") return []
  if (version === "5" && type === "tool-output-denied") {
    return [{ ...fields, type: "tool-output-error", errorText: "This call was not approved" }]
  }
  return unknown[version].has(type) ? [data(type, fields)] : [chunk]
}
