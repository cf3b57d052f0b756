/** The metadata of messages and calls, to which events add. */
import { mergeMetadata } from "@ag-ui/core"
import type { AgentEvent } from "@runlease/core"
import { Predicate } from "effect"
import * as JsonPatch from "./JsonPatch.js"

type Event = AgentEvent.LogEvent
type Fields = Readonly<Record<string, unknown>>

/** The most names that the metadata of one message or call has. What would be one more is left out. */
const maxMetadata = 1_000

/** The item with the metadata of an event merged into its own. */
export const withMetadata = <A extends Fields>(item: A, { metadata }: Event): A => {
  if (!Predicate.isRecord(metadata)) return item
  const before = item["metadata"] as Fields | undefined
  const names = before === undefined ? 0 : Object.keys(before).length
  return names + Object.keys(metadata).length > maxMetadata
    ? item
    : { ...item, metadata: mergeMetadata(before, metadata) }
}

/** How much larger metadata makes what it belongs to, at most. */
export const metadataBytes = ({ metadata }: Event): number =>
  metadata == null ? 0 : JsonPatch.sizeOf(metadata)
