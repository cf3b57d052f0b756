/**
 * The rows of a transaction in memory. Every operation is synchronous, and its changes can be undone.
 */
import type * as Ids from "@runlease/core/Ids"
import { isTerminal } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import { Clock, Effect } from "effect"
import * as DebounceRules from "../rules/DebounceRules.js"
import type { RunSpec } from "../rules/RunState.js"
import { isRunnable } from "../rules/Transition.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import {
  byPreference,
  type Found,
  type Lane,
  type Probe,
  type RunKey,
  type RunRows,
  type Search,
  type StoredRun,
} from "../rows/RunRows.js"
import { advanced, afterChange } from "../rows/StoredRun.js"
import * as MemoryBounds from "./MemoryBounds.js"
import * as MemoryFlows from "./MemoryFlows.js"
import * as MemoryLimits from "./MemoryLimits.js"
import * as MemoryCounters from "./MemoryCounters.js"
import * as MemoryRecords from "./MemoryRecords.js"
import * as MemorySummaries from "./MemorySummaries.js"
import * as MemoryWrites from "./MemoryWrites.js"
import * as State from "./State.js"

/** A record changes with its run; what a transaction has found does not. */
const toStored = ({ key, state }: State.MemoryRun): StoredRun => ({ key, state })

const matches = ({ agentId, implementationKind, projectId, workerKey }: Probe, spec: RunSpec): boolean =>
  spec.projectId === projectId &&
  spec.implementationKind === implementationKind &&
  spec.workerKey === workerKey &&
  (agentId === null || spec.agentId === agentId)

const runnable = (state: State.State, { probes }: Search): Found["runnable"] => {
  const found = probes.map((): Array<StoredRun> => [])
  for (const record of state.pending) {
    if (!isRunnable(record.state)) continue
    for (const [index, probe] of probes.entries()) {
      if (matches(probe, record.state.spec)) found[index]!.push(toStored(record))
    }
  }
  return found.map((runs, index) => runs.sort(byPreference).slice(0, probes[index]!.wanted))
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
    civilNow: Clock.currentTimeMillis,
    limits: MemoryLimits.make(state),
    filters: MemorySummaries.make(state),
    lastKey: Effect.sync(() => state.lastKey),
    flows: MemoryFlows.make(state),
    now: Effect.sync(() => state.instant),
    together: (effects) => Effect.all(effects, { discard: true }),
    commit: Effect.void,
    find: (refs) => Effect.sync(() => stored(refs, (ref) => State.findRecord(state, ref))),
    findNamed: (refs) =>
      Effect.sync(() =>
        present(refs, (name) => {
          const run = recordOf(name.projectId, name.runId)
          return run && { name, run: toStored(run) }
        }),
      ),
    findKeys: (keys) => Effect.sync(() => stored(keys, (key) => state.records.get(key))),
    findFree: (keys) => Effect.sync(() => stored(keys, (key) => state.records.get(key))),
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
      })),
    due: Effect.sync(() => ({ due: due(state), scopedLimits: MemoryLimits.scopedLimits(state) })),
    busyLanes: (lanes) => Effect.sync(() => lanes.filter((lane) => laneOf(lane) !== undefined)),
    laneRuns: (lanes) => Effect.sync(() => lanes.flatMap((lane) => Array.from(laneOf(lane) ?? [], toStored))),
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
    lanesOfChildren: (lanes) =>
      Effect.sync(() =>
        lanes.filter((lane) =>
          Array.from(laneOf(lane) ?? []).some(
            ({ state: { gate, spec, status } }) =>
              status === "pending" && gate === "behind" && spec.child !== null,
          ),
        ),
      ),
    waitingRuns: (lanes) =>
      Effect.sync(() =>
        lanes
          .flatMap((lane) => Array.from(laneOf(lane) ?? []))
          .filter(({ state: { status } }) => status === "waiting")
          .map(toStored),
      ),
    advanceLanes: (lanes, admits) =>
      Effect.sync(() => {
        const heads = stored(lanes, (lane) => laneOf(lane)?.values().next().value)
        const changes = advanced(heads, state.instant, admits)
        for (const change of changes) MemoryWrites.write(state, change)
        return changes.map(afterChange)
      }),
    details: (runs) => ofRuns(runs, ({ details }) => details),
    claimDetails: (runs) =>
      ofRuns(MemoryBounds.claimed(state, runs), ({ details, resume }) => ({
        details,
        snapshot: resume.snapshot,
      })),
    firstRequests: (runs) =>
      ofRuns(MemoryBounds.submitted(state, runs), ({ details, firstSnapshot }) => ({
        details,
        snapshot: firstSnapshot,
      })),
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
          return record && { projectId, conversationId, messages: MemoryBounds.messages(record) }
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
    insert: (runs) => Effect.sync(() => runs.map((run) => MemoryWrites.insert(state, run))),
    write: (changes, counted) =>
      Effect.sync(() => {
        for (const change of changes) MemoryWrites.write(state, change)
        MemoryCounters.add(state, counted)
      }),
  }
}
