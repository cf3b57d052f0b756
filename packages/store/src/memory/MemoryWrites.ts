/**
 * What a transaction writes in memory: runs that are added, and what changes of them. Each write can be undone.
 */
import { bytesOf } from "@runlease/core/AppendRules"
import { DateTime } from "effect"
import type { Change, NewRun, RunKey } from "../rows/RunRows.js"
import { newConversation } from "./Conversations.js"
import { addMessage, removeMessage } from "./MemoryMessages.js"
import * as State from "./State.js"

/** Adds a run, and returns its key. */
export const insert = (state: State.State, run: NewRun): RunKey => {
  const { conversationId, projectId, runId } = run.state.spec
  const project = State.projectOf(state, projectId)
  if (run.newConversation) {
    const at = DateTime.unsafeMake(state.instant)
    newConversation({ now: state.instant, at, state }, projectId, conversationId)
  }
  state.lastKey += 1
  const record: State.MemoryRun = {
    key: state.lastKey,
    state: run.state,
    details: run.details,
    title: run.title,
    claims: [],
    submission: run.submission,
    firstSnapshot: run.snapshot,
    resume: { snapshot: run.snapshot, answers: {} },
    entries: [],
    sizes: [],
  }
  project.runs.set(runId, record)
  state.records.set(record.key, record)
  State.place(state, record)
  state.undo.push(() => {
    project.runs.delete(runId)
    state.records.delete(record.key)
    if (run.newConversation) project.conversations.delete(conversationId)
    State.place(state, record, true)
  })
  return record.key
}

/** Writes what has changed of a run. */
export const write = (state: State.State, { after, details, entries, key }: Change): void => {
  const record = state.records.get(key)!
  const { inputs } = State.projectOf(state, after.spec.projectId)
  const before = { ...record, length: record.entries.length, claimed: record.claims.length }
  state.undo.push(() => {
    Object.assign(record, {
      state: before.state,
      details: before.details,
      resume: before.resume,
      title: before.title,
      firstSnapshot: before.firstSnapshot,
    })
    record.entries.length = before.length
    record.sizes.length = before.length
    record.claims.length = before.claimed
    for (const { publicId } of details.inputs ?? []) inputs.delete(publicId)
    for (const message of details.messages ?? []) removeMessage(state, after.spec, message)
    State.place(state, record)
  })
  record.state = after
  const createdAt = DateTime.unsafeMake(state.instant)
  for (const { event, eventId, sequence, text } of entries) {
    record.entries.push({ eventId, sequence, event, createdAt })
    record.sizes.push(bytesOf(text))
  }
  const { labels, metadata, result, session } = details
  record.details = {
    ...record.details,
    ...(metadata === undefined ? {} : { metadata }),
    ...(result === undefined ? {} : { result }),
    ...(session === undefined ? {} : { session }),
    ...(labels === undefined ? {} : { labels: labels.after }),
  }
  if (details.request !== undefined) {
    const { snapshot, title } = details.request
    Object.assign(record, { title, firstSnapshot: snapshot, resume: { snapshot, answers: {} } })
  }
  record.resume = details.resume ?? record.resume
  record.claims.push(...(details.claims ?? []))
  for (const input of details.inputs ?? []) inputs.set(input.publicId, input)
  for (const message of details.messages ?? []) addMessage(state, after.spec, message)
  State.place(state, record)
}
