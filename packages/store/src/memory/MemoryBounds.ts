/**
 * How much of what is in memory one commit returns.
 */
import { lengthOf } from "@runlease/core/Json"
import type { RequestSnapshot, SnapshotMessage } from "@runlease/core/RequestSnapshot"
import { DateTime } from "effect"
import { maxClaimBytes, maxConversationBytes, type StoredRun } from "../rows/RunRows.js"
import type * as State from "./State.js"

/** The first of these runs whose requests, as `read` returns them, fit into one commit. */
const within = (
  state: State.State,
  runs: ReadonlyArray<StoredRun>,
  read: (run: State.MemoryRun) => RequestSnapshot,
): ReadonlyArray<StoredRun> => {
  if (runs.length < 2) return runs
  let left = maxClaimBytes
  return runs.filter(({ key }) => {
    const fits = left > 0
    if (fits) left -= lengthOf(read(state.records.get(key)!))
    return fits
  })
}

/** The first of these runs, as many as a commit returns the requests of. */
export const claimed = (state: State.State, runs: ReadonlyArray<StoredRun>): ReadonlyArray<StoredRun> =>
  within(state, runs, ({ resume }) => resume.snapshot)

/** The runs with the lowest keys, as many as a commit returns the first requests of. */
export const submitted = (state: State.State, runs: ReadonlyArray<StoredRun>): ReadonlyArray<StoredRun> =>
  within(
    state,
    runs.toSorted((a, b) => a.key - b.key),
    ({ firstSnapshot }) => firstSnapshot,
  )

/** The messages of a conversation as those of a request. */
const snapshotMessages = ({ messages }: State.ConversationRecord): ReadonlyArray<SnapshotMessage> =>
  messages.map(({ createdAt, id, metadata, parts, role }) => ({
    id,
    role,
    parts,
    ...(metadata === null ? {} : { metadata }),
    createdAt: DateTime.formatIso(createdAt),
  }))

/** The messages of a conversation, where a submission takes as many. */
export const messages = (record: State.ConversationRecord): ReadonlyArray<SnapshotMessage> | "too_large" => {
  const all = snapshotMessages(record)
  let left = maxConversationBytes
  return all.every((message) => (left -= lengthOf(message)) >= 0) ? all : "too_large"
}
