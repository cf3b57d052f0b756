/** Events of AG-UI for which the AI SDK has no part, as data parts; and messages to a run that works. */
import type { InboxMessage, RequestSnapshot } from "@runlease/core"
import { Predicate } from "effect"
import { type Chunk, data, transient } from "./Chunk.js"

const partOf = (part: RequestSnapshot.MessagePart): ReadonlyArray<Chunk> => {
  const { filename, mediaType, text, type, url } = part
  if (type === "text" && typeof text === "string") return [{ type, text }]
  return type === "file" && typeof mediaType === "string" && typeof url === "string"
    ? [{ type, mediaType, url, ...(typeof filename === "string" ? { filename } : {}) }]
    : []
}

/** A message to the run that works: its texts and files. */
export const steering = ({ id, key, parts }: InboxMessage.InboxMessage): ReadonlyArray<Chunk> => [
  { type: "steering-message", id: key ?? id, parts: parts.flatMap(partOf) },
]

/** Whether an event of the view reports a failure: the result of a call, or the end of a step. */
export const isError = ({ metadata }: Chunk): boolean =>
  Predicate.isRecord(metadata) && metadata["runlease.isError"] === true

/** Data of the page. A start and an end of reasoning as a whole say nothing that its parts do not. */
export const of = (event: Chunk): ReadonlyArray<Chunk> => {
  const { type, ...fields } = event
  switch (type) {
    case "REASONING_START":
    case "REASONING_END":
      return []
    case "STEP_STARTED":
      return [transient("step", { ...fields, status: "started" })]
    case "STEP_FINISHED":
      return [transient("step", { ...fields, status: isError(event) ? "failed" : "finished" })]
    case "SUBAGENT_STARTED":
      return [data("subagent", { ...fields, status: "started" }, { id: String(fields["subagentRunId"]) })]
    case "SUBAGENT_FINISHED":
      return [data("subagent", { ...fields, status: "finished" }, { id: String(fields["subagentRunId"]) })]
    case "SUBAGENT_ERROR":
      return [data("subagent", { ...fields, status: "failed" }, { id: String(fields["subagentRunId"]) })]
    case "ACTIVITY_SNAPSHOT":
      return [data("activity", fields, { id: String(fields["messageId"]) })]
    case "REASONING_ENCRYPTED_VALUE":
      return [data("encrypted", fields, { id: String(fields["entityId"]) })]
    default:
      return [transient(type.toLowerCase().replaceAll("_", "-"), fields)]
  }
}
