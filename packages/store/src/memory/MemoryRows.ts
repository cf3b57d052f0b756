/**
 * The rows of a transaction in memory. Every operation is synchronous, and its changes can be undone.
 */
import { bytesOf } from "@runlease/core/AppendRules"
import type { ConversationMessage } from "@runlease/core/Conversations"
import type * as Ids from "@runlease/core/Ids"
import { lengthOf } from "@runlease/core/Json"
import type { RequestSnapshot, SnapshotMessage } from "@runlease/core/RequestSnapshot"
import { isTerminal } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import { DateTime, Effect } from "effect"
import {
  byPreference,
  type Change,
  type Found,
  type Lane,
  maxClaimBytes,
  maxConversationBytes,
  type NewRun,
  type Probe,
  type RunKey,
  type RunRows,
  type Search,
  type StoredRun,
  type UserMessage,
} from "../rows/RunRows.js"
import { advanced, afterChange } from "../rows/StoredRun.js"
import * as DebounceRules from "../rules/DebounceRules.js"
import type { RunSpec, RunState } from "../rules/RunState.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import { isRunnable } from "../rules/Transition.js"
import { newConversation, touch } from "./Conversations.js"
import * as MemoryCounters from "./MemoryCounters.js"
import * as MemoryFlows from "./MemoryFlows.js"
import * as MemoryLimits from "./MemoryLimits.js"
import * as MemoryRecords from "./MemoryRecords.js"
import * as MemorySummaries from "./MemorySummaries.js"
import * as State from "./State.js"

// How much of what is in memory one commit returns.

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
const messages = (record: State.ConversationRecord): ReadonlyArray<SnapshotMessage> | "too_large" => {
  const all = snapshotMessages(record)
  let left = maxConversationBytes
  return all.every((message) => (left -= lengthOf(message)) >= 0) ? all : "too_large"
}

// The messages that commits add to conversations in memory.

const conversationOf = (state: State.State, { conversationId, projectId }: RunSpec) =>
  State.projectOf(state, projectId).conversations.get(conversationId)!

/** Adds a message of a user to the conversation of a run. */
const addMessage = (state: State.State, spec: RunSpec, { id, key, parts }: UserMessage): void => {
  const record = conversationOf(state, spec)
  const at = DateTime.unsafeMake(state.instant)
  const message: ConversationMessage = {
    id,
    conversationId: spec.conversationId,
    role: "user",
    parts,
    parentId: null,
    metadata: null,
    createdAt: at,
  }
  record.messages.push(message)
  if (key !== undefined) record.byIdempotencyKey.set(key, message)
  touch(record, { updatedAt: at })
}

/** Removes the message that was added last. */
const removeMessage = (state: State.State, spec: RunSpec, { key }: UserMessage): void => {
  const record = conversationOf(state, spec)
  record.messages.pop()
  if (key !== undefined) record.byIdempotencyKey.delete(key)
}

// What a transaction writes in memory: runs that are added, and what changes of them. Each write can be undone.

/** Adds a run, and returns its key. */
const insert = (state: State.State, run: NewRun): RunKey => {
  const { conversationId, projectId, runId } = run.state.spec
  const project = State.projectOf(state, projectId)
  const at = DateTime.unsafeMake(state.instant)
  if (run.conversation === "new") {
    newConversation({ now: state.instant, at, state }, projectId, conversationId)
  } else if (run.conversation === "named") {
    const named = project.conversations.get(conversationId)!
    const { conversation, listed } = named
    touch(named, { updatedAt: at })
    state.undo.push(() => {
      Object.assign(named, { conversation, listed })
    })
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
    if (run.conversation === "new") project.conversations.delete(conversationId)
    State.place(state, record, true)
  })
  return record.key
}

/** Writes what has changed of a run. */
const write = (state: State.State, { after, details, entries, key }: Change): void => {
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

/** A record changes with its run; what a transaction has found does not. */
const toStored = ({ key, state }: State.MemoryRun): StoredRun => ({ key, state })

const matches = (
  { agentId, implementationKind, projectId, version, workerKey }: Probe,
  { spec, version: pinnedTo }: RunState,
): boolean =>
  pinnedTo === version &&
  spec.projectId === projectId &&
  spec.implementationKind === implementationKind &&
  spec.workerKey === workerKey &&
  (agentId === null || spec.agentId === agentId)

const runnable = (state: State.State, { probes }: Search): Found["runnable"] => {
  const found = probes.map((): Array<StoredRun> => [])
  for (const record of state.pending) {
    if (!isRunnable(record.state)) continue
    for (const [index, probe] of probes.entries()) {
      if (matches(probe, record.state)) found[index]!.push(toStored(record))
    }
  }
  return found.map((runs, index) => runs.sort(byPreference).slice(0, probes[index]!.wanted))
}

/** Whether a run that waits for a claim has a version. */
const isPinned = (state: State.State): boolean => {
  for (const { state: run } of state.pending) if (run.version !== null) return true
  return false
}

const claimedBefore = (state: State.State, { claims }: Search): Found["claimedBefore"] =>
  claims.map(({ claimId, workerId }) =>
    Array.from(state.timed).flatMap(({ state: { holder, spec, status } }) =>
      status === "running" && holder?.claimId === claimId && holder.workerId === workerId ? [spec] : [],
    ),
  )

const due = (state: State.State): ReadonlyArray<RunKey> =>
  Array.from(state.timed).flatMap(({ key, state: run }) =>
    (RunTransitions.dueAt(run) ?? Number.POSITIVE_INFINITY) <= state.instant ? [key] : [],
  )

/** Those of these values that are defined. */
const present = <A, B>(values: ReadonlyArray<A>, find: (value: A) => B | undefined): ReadonlyArray<B> =>
  values.flatMap((value) => find(value) ?? [])

/** The runs of these values that have a record. */
const stored = <A>(
  values: ReadonlyArray<A>,
  find: (value: A) => State.MemoryRun | undefined,
): ReadonlyArray<StoredRun> => present(values, find).map(toStored)

export const make = (state: State.State): RunRows<never> => {
  const ofKeys = <A>(
    keys: ReadonlyArray<RunKey>,
    read: (record: State.MemoryRun) => A,
  ): Effect.Effect<ReadonlyMap<RunKey, A>> =>
    Effect.sync(() => new Map(keys.map((key) => [key, read(state.records.get(key)!)])))

  const ofRuns = <A>(runs: ReadonlyArray<StoredRun>, read: (record: State.MemoryRun) => A) =>
    ofKeys(
      runs.map(({ key }) => key),
      read,
    )

  const laneOf = ({ lane, projectId }: Lane) => State.projectOf(state, projectId).lanes.get(lane)

  const recordOf = (projectId: Ids.ProjectId, name: Ids.RunId): State.MemoryRun | undefined => {
    const { inputs, runs } = State.projectOf(state, projectId)
    return runs.get(name) ?? runs.get(inputs.get(name)?.runId ?? name)
  }

  const entriesAfter = (key: RunKey, eventId: number): ReadonlyArray<LogEntry> =>
    state.records.get(key)!.entries.slice(eventId)

  return {
    records: MemoryRecords.rows(state),
    limits: MemoryLimits.make(state),
    filters: MemorySummaries.make(state),
    flows: MemoryFlows.make(state),
    now: Effect.sync(() => state.instant),
    together: (effects) => Effect.all(effects, { discard: true }),
    find: (refs) => Effect.sync(() => stored(refs, (ref) => State.findRecord(state, ref))),
    findNamed: (refs) =>
      Effect.sync(() =>
        present(refs, (name) => {
          const run = recordOf(name.projectId, name.runId)
          return run && { name, run: toStored(run) }
        }),
      ),
    findKeys: (keys) => Effect.sync(() => stored(keys, (key) => state.records.get(key))),
    openChildren: (parents, limit) =>
      Effect.sync(() =>
        parents
          .flatMap(({ projectId, runId }) =>
            Array.from(State.projectOf(state, projectId).runs.values()).filter(
              ({ state: run }) => run.spec.child?.parent === runId && !isTerminal(run.status),
            ),
          )
          .slice(0, limit)
          .map(toStored),
      ),
    search: (search) =>
      Effect.sync(() => ({
        runnable: runnable(state, search),
        claimedBefore: claimedBefore(state, search),
        due: due(state),
        scopedLimits: MemoryLimits.scopedLimits(state),
        pinned: isPinned(state),
      })),
    lanesWith: (which, lanes) =>
      Effect.sync(() =>
        lanes.filter((lane) =>
          Array.from(laneOf(lane) ?? []).some(
            ({ state: { gate, spec, status } }) =>
              which === "unfinished" || (status === "pending" && gate === "behind" && spec.child !== null),
          ),
        ),
      ),
    laneRuns: (lanes, which) =>
      Effect.sync(() =>
        lanes
          .flatMap((lane) => Array.from(laneOf(lane) ?? [], toStored))
          .filter(({ state: { status } }) => which === "unfinished" || status === "waiting"),
      ),
    debounced: (names) =>
      Effect.sync(() =>
        names.flatMap(({ agentId, key, projectId }) =>
          Array.from(state.pending)
            .filter(
              ({ state: run }) =>
                DebounceRules.openKey(run) === key &&
                run.spec.agentId === agentId &&
                run.spec.projectId === projectId,
            )
            .map(toStored)
            .toSorted((a, b) => a.key - b.key),
        ),
      ),
    advanceLanes: (lanes, admits) =>
      Effect.sync(() => {
        const heads = stored(lanes, (lane) => laneOf(lane)?.values().next().value)
        const changes = advanced(heads, state.instant, admits)
        for (const change of changes) write(state, change)
        return changes.map(afterChange)
      }),
    details: (runs) => ofRuns(runs, ({ details }) => details),
    claimDetails: (runs, request) =>
      request === "first"
        ? ofRuns(submitted(state, runs), ({ details, firstSnapshot }) => ({
            details,
            snapshot: firstSnapshot,
          }))
        : ofRuns(claimed(state, runs), ({ details, resume }) => ({ details, snapshot: resume.snapshot })),
    submitted: (runs) => ofRuns(runs, ({ details, submission }) => ({ details, submission })),
    resumeRecords: (keys) => ofKeys(keys, ({ resume }) => resume),
    inputs: (publicIds, keys) =>
      Effect.sync(() => {
        const runs = keys.map((key) => state.records.get(key)!.state.spec)
        return Array.from(state.projects, ([projectId, { inputs }]) =>
          Array.from(inputs.values()).flatMap((input) =>
            publicIds.some((name) => name.projectId === projectId && name.runId === input.publicId) ||
            runs.some((run) => run.projectId === projectId && run.runId === input.runId)
              ? [{ projectId, input }]
              : [],
          ),
        ).flat()
      }),
    tail: ({ afterEventId, afterSequence, key, limit }) =>
      Effect.sync(() =>
        entriesAfter(key, afterEventId)
          .filter(({ sequence }) => sequence !== null && sequence > afterSequence)
          .slice(0, limit),
      ),
    conversations: (refs) =>
      Effect.sync(() =>
        present(refs, ({ conversationId, projectId }) => {
          const record = State.projectOf(state, projectId).conversations.get(conversationId)
          return record && { projectId, conversationId, messages: messages(record) }
        }),
      ),
    messagesOf: (names) =>
      Effect.sync(() =>
        present(names, (name) => {
          const { conversations } = State.projectOf(state, name.projectId)
          const message = conversations.get(name.conversationId)?.byIdempotencyKey.get(name.key)
          return message && { name, id: message.id }
        }),
      ),
    insert: (runs) => Effect.sync(() => runs.map((run) => insert(state, run))),
    write: (changes, counted) =>
      Effect.sync(() => {
        for (const change of changes) write(state, change)
        MemoryCounters.add(state, counted)
      }),
  }
}
