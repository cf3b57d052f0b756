/** The events of a log that match a search, found as they come. */
import type { Entry } from "./runLog"

export interface EventSearch {
  readonly text: string
  readonly type: string
}

export interface Found {
  readonly entries: ReadonlyArray<Entry>
  /** How many entries of the log were searched. */
  readonly searched: number
}

const none: Found = { entries: [], searched: 0 }

const matches = ({ text, type }: EventSearch, entry: Entry): boolean => {
  if (type !== "" && entry.event_type !== type) return false
  return text === "" || JSON.stringify(entry.payload).toLowerCase().includes(text)
}

/** Looks at the next entries, `most` at most. */
export const searchOn = (
  before: Found | undefined,
  all: ReadonlyArray<Entry>,
  search: EventSearch,
  most: number,
): Found => {
  const from = before ?? none
  const lower = { ...search, text: search.text.trim().toLowerCase() }
  const end = Math.min(all.length, from.searched + most)
  const found: Array<Entry> = []
  for (let index = from.searched; index < end; index += 1) {
    const entry = all[index]!
    if (matches(lower, entry)) found.push(entry)
  }
  return { entries: found.length === 0 ? from.entries : [...from.entries, ...found], searched: end }
}

export const lineOf = ({ payload }: Entry): string => {
  for (const field of [
    "delta",
    "message",
    "toolCallName",
    "stepName",
    "name",
    "content",
    "messageId",
    "toolCallId",
    "runId",
  ]) {
    const value = payload[field]
    if (typeof value === "string") {
      const more = field === "name" ? ` ${JSON.stringify(payload["value"]) ?? ""}` : ""
      return (value + more).slice(0, 400)
    }
    if (value !== undefined) return JSON.stringify(value).slice(0, 400)
  }
  const { type: _type, ...rest } = payload
  return JSON.stringify(rest).slice(0, 400)
}
