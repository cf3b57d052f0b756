/**
 * Reads of runs in memory.
 */
import * as Ids from "@runlease/core/Ids"
import * as Json from "@runlease/core/Json"
import { isTerminal } from "@runlease/core/Run"
import { entryBytes, type LogEntry } from "@runlease/core/RunLog"
import { isReserved } from "@runlease/core/StepRecord"
import { Effect } from "effect"
import * as RunTransitions from "../rules/RunTransitions.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import { bulkOperations, rollouts, schedules, webhookDeliveries, webhookEndpoints } from "../rows/Records.js"
import type { NamedWorker } from "../rows/RunRows.js"
import type { ListedRuns, LogBounds, RunReads } from "../rows/RunStore.js"
import * as MemoryCounters from "./MemoryCounters.js"
import * as MemoryRecords from "./MemoryRecords.js"
import * as MemoryLimits from "./MemoryLimits.js"
import * as MemorySummaries from "./MemorySummaries.js"
import * as State from "./State.js"

/** The entries of a log that are on the page after `after`. */
const pageOf = ({ entries, sizes }: State.MemoryRun, after: number, most: LogBounds): Array<LogEntry> => {
  const page: Array<LogEntry> = []
  let bytes = 0
  for (let index = after; index < entries.length && page.length < most.entries; index += 1) {
    const entry = entries[index]!
    if (most.only !== undefined && !isReserved(entry.event)) continue
    bytes += sizes[index]! + entryBytes
    if (bytes > most.bytes && page.length > 0) break
    page.push(entry)
  }
  return page
}

const pageOfRuns = (records: ReadonlyArray<State.MemoryRun>, limit: number): ListedRuns => {
  const found = records.map((record) => ({ key: record.key, run: State.runOf(record) }))
  const sizes = found.map(({ run: { metadata, result } }) => Json.lengthOf(metadata) + Json.lengthOf(result))
  const rows = found.slice(0, KeysetPage.countWithin(sizes, limit))
  return { rows, more: rows.length < found.length }
}

export const make = (state: State.State): RunReads<never> => ({
  now: state.now,

  workers: (workerIds) =>
    Effect.sync(() => {
      const found = new Map<Ids.WorkerId, NamedWorker>()
      for (const { workers } of state.projects.values()) {
        for (const id of workerIds) {
          const worker = workers.get(id)
          if (worker === undefined) continue
          const { displayName, version, workerKey } = worker
          found.set(id, { ...worker, version: version ?? "", name: displayName ?? workerKey })
        }
      }
      return found
    }),

  run: (ref) =>
    Effect.sync(() => {
      const record = State.findRecord(state, ref)
      return record && State.runOf(record)
    }),

  snapshot: (ref) => Effect.sync(() => State.findRecord(state, ref)?.resume.snapshot),

  requests: (ref, runIds) =>
    Effect.sync(() => {
      const conversationId = State.findRecord(state, ref)?.state.spec.conversationId
      return new Map(
        runIds.flatMap((id) => {
          const found = State.projectOf(state, ref.projectId).runs.get(Ids.RunId.make(id))
          return found?.state.spec.conversationId === conversationId ? [[id, found!.firstSnapshot]] : []
        }),
      )
    }),

  listed: (keys) =>
    Effect.sync(() =>
      pageOfRuns(
        keys.flatMap((key) => state.records.get(key) ?? []),
        keys.length,
      ),
    ),

  inputs: ({ projectId, runId }) =>
    Effect.sync(() =>
      Array.from(State.projectOf(state, projectId).inputs.values())
        .filter((input) => input.runId === runId && input.since > 0)
        .map(({ publicId, since }) => ({ publicId, since })),
    ),

  runIdOf: ({ projectId, runId }) =>
    Effect.sync(() => State.projectOf(state, projectId).inputs.get(runId)?.runId),

  log: (ref, after, bounds) =>
    Effect.sync(() => {
      const record = State.findRecord(state, ref)
      return (
        record && {
          entries: pageOf(record, after, bounds),
          // They are there anyway, so they count for nothing.
          bytes: 0,
          latest: record.state.latestEventId,
          ended: isTerminal(record.state.status),
        }
      )
    }),

  counters: (projectId, query) => Effect.sync(() => MemoryCounters.read(state, projectId, query)),

  limits: MemoryLimits.reads(state),

  summaries: MemorySummaries.make(state),

  records: MemoryRecords.reads(state),

  nextDue: Effect.sync(() => {
    let next = Number.POSITIVE_INFINITY
    for (const record of state.timed) next = Math.min(next, RunTransitions.dueAt(record.state) ?? next)
    for (const { checkAt } of MemoryLimits.all(state)) next = Math.min(next, checkAt ?? next)
    return {
      runs: Number.isFinite(next) ? next : null,
      schedules: MemoryRecords.nextDue(state, schedules),
      named: MemoryLimits.scopedLimits(state).named,
      bulk: MemoryRecords.nextDue(state, bulkOperations) !== null,
      endpoints: MemoryRecords.tableOf(state, webhookEndpoints).rows.size > 0,
      rollouts: MemoryRecords.tableOf(state, rollouts).rows.size > 0,
      deliveries: MemoryRecords.nextDue(state, webhookDeliveries),
    }
  }),
})
