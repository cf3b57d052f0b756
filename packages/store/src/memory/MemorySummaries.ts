/**
 * What lists show of runs in memory.
 */
import type * as Ids from "@runlease/core/Ids"
import * as Json from "@runlease/core/Json"
import { isTerminal } from "@runlease/core/Run"
import * as Trial from "@runlease/core/Trial"
import { Array as Arr, Effect } from "effect"
import * as LimitRules from "../rules/LimitRules.js"
import { isRunnable } from "../rules/Transition.js"
import { byPreference } from "../rows/RunRows.js"
import {
  type ClaimRow,
  maxMetadata,
  type Range,
  type Start,
  type SummaryRow,
  type SummaryRows,
  type VersionRow,
} from "../rows/SummaryRows.js"
import * as State from "./State.js"

const toRow = ({ details, key, state, title }: State.MemoryRun): SummaryRow => ({
  key,
  state,
  title,
  parentRunId: details.parentRunId,
  rootRunId: details.rootRunId,
  labels: details.labels,
})

const isIn =
  (start: Start, { before, least }: Range) =>
  ({ details, key, state: { spec, status } }: State.MemoryRun): boolean =>
    key >= least &&
    key < before &&
    (!("parentRunId" in start) || details.parentRunId === start.parentRunId) &&
    (!("conversationId" in start) || spec.conversationId === start.conversationId) &&
    (!("label" in start) || details.labels[start.label[0]] === start.label[1]) &&
    (!("statuses" in start) || start.statuses.includes(status)) &&
    (!("agentIds" in start) || start.agentIds.includes(spec.agentId))

/** The metadata of a run as a search looks at it. */
const metadataOf = ({ metadata }: State.MemoryRun["details"]): unknown =>
  Json.lengthOf(metadata) > maxMetadata ? null : metadata

/** The claims of a run that ended without an outcome. */
const claimsOf = ({ claims, key }: State.MemoryRun): ReadonlyArray<ClaimRow> =>
  claims.map(({ holder, leaseEpoch, ...claim }) => ({ key, epoch: leaseEpoch, ...claim, ...holder }))

export const make = (state: State.State): SummaryRows<never> => {
  const recordsOf = (projectId: Ids.ProjectId) => Array.from(State.projectOf(state, projectId).runs.values())

  const newest = (projectId: Ids.ProjectId, start: Start, range: Range) => {
    const found = recordsOf(projectId).filter(isIn(start, range))
    return (range.oldestFirst === true ? found : found.toReversed()).slice(0, range.limit)
  }

  /** The holders of leases that have not lapsed, with their runs. */
  const readLeases = (projectId: Ids.ProjectId) =>
    Effect.map(state.now, (now) =>
      recordsOf(projectId).flatMap(({ key, state: { holder, status } }) =>
        status === "running" && holder !== null && holder.expiresAt > now ? [{ key, holder }] : [],
      ),
    )

  return {
    find: (runs) =>
      Effect.sync(() => {
        const found =
          "runId" in runs ? [State.findRecord(state, runs)] : runs.map((key) => state.records.get(key))
        return found.flatMap((record) => (record === undefined ? [] : [toRow(record)]))
      }),

    keys: (projectId, start, range) =>
      Effect.sync(() => newest(projectId, start, range).map(({ key }) => key)),

    candidates: (projectId, start, range, needs) =>
      Effect.sync(() =>
        newest(projectId, start, range).map(({ details, key, state: run, title }) => ({
          key,
          runId: run.spec.runId,
          agentId: run.spec.agentId,
          conversationId: run.spec.conversationId,
          spawned: run.spec.child !== null,
          title,
          labels: details.labels,
          state: needs.metadata ? { ...run, metadata: metadataOf(details) } : run,
        })),
      ),

    bounds: (from = 0, to = Number.POSITIVE_INFINITY) =>
      Effect.sync(() => {
        // Keys and times grow together.
        const { lastKey, records } = state
        let [least, before] = [lastKey + 1, 0]
        for (const { key, state: run } of records.values()) {
          if (run.spec.createdAt >= from) least = Math.min(least, key)
          if (run.spec.createdAt < to) before = Math.max(before, key + 1)
        }
        return { least, before }
      }),

    claims: (ranges) =>
      Effect.sync(() =>
        ranges.flatMap(({ first, key, last }) => {
          const record = state.records.get(key)
          const all = record === undefined ? [] : claimsOf(record)
          return all.filter(({ epoch }) => epoch >= first && epoch <= last)
        }),
      ),

    heldBy: (projectId, workerId, limit) =>
      Effect.map(readLeases(projectId), (all) =>
        all
          .filter(({ holder }) => holder.workerId === workerId)
          .sort((a, b) => a.holder.expiresAt - b.holder.expiresAt || a.key - b.key)
          .slice(0, limit)
          .map(({ key }) => key),
      ),

    leases: (projectId) =>
      Effect.map(readLeases(projectId), (all) =>
        Object.values(Arr.groupBy(all, ({ holder }) => holder.workerId)).map((leases) => ({
          workerId: leases[0].holder.workerId,
          nextExpiry: Math.min(...leases.map(({ holder }) => holder.expiresAt)),
          renewedAt: Math.max(...leases.map(({ holder }) => holder.renewedAt)),
        })),
      ),

    lost: (projectId, since, limit) =>
      Effect.sync(() =>
        recordsOf(projectId)
          .flatMap(claimsOf)
          .filter(({ ended, endedAt }) => ended === "lease_expired" && endedAt !== null && endedAt >= since)
          .sort((a, b) => b.endedAt! - a.endedAt! || b.key - a.key)
          .slice(0, limit),
      ),

    before: (run, limit) =>
      Effect.sync(() => {
        const { gate, spec } = run.state
        if (gate === "behind") {
          const { lanes } = State.projectOf(state, spec.projectId)
          const older = Array.from((spec.lane === null ? undefined : lanes.get(spec.lane)) ?? [])
            .filter(({ key }) => key < run.key)
            .slice(0, limit)
          return { count: older.length, first: older[0]?.key }
        }
        const behind = LimitRules.behindOf(run.state)
        const names =
          behind === null
            ? (["projectId", "implementationKind", "workerKey"] as const)
            : (["projectId"] as const)
        const before = Array.from(state.pending).filter(
          (each) =>
            (behind === null
              ? isRunnable(each.state) && each.state.version === run.state.version
              : LimitRules.behindOf(each.state) === behind) &&
            Arr.every(names, (name) => each.state.spec[name] === spec[name]) &&
            byPreference(each, run) < 0,
        )
        return { count: Math.min(before.length, limit) }
      }),

    versions: (projectId) =>
      Effect.sync(() => {
        const rows = new Map<string, VersionRow>()
        for (const { state: run } of recordsOf(projectId)) {
          const { spec, status, version } = run
          if (version === null || isTerminal(status)) continue
          const before = rows.get(version) ?? { version, pending: 0, waiting: 0, oldest: spec.createdAt }
          rows.set(version, {
            version,
            pending: before.pending + (status === "pending" ? 1 : 0),
            waiting: before.waiting + (status === "waiting" ? 1 : 0),
            oldest: Math.min(before.oldest, spec.createdAt),
          })
        }
        return [...rows.values()]
      }),
    attention: (projectId, most) =>
      Effect.sync(() => ({
        asking: recordsOf(projectId)
          .flatMap(({ details: { labels }, key, state: { waiting } }) =>
            waiting === null || waiting.interrupts.length === 0 || Object.hasOwn(labels, Trial.runLabel)
              ? []
              : [{ key, at: waiting.expiresAt?.epochMillis ?? Number.POSITIVE_INFINITY }],
          )
          .sort((a, b) => (a.at === b.at ? a.key - b.key : a.at - b.at))
          .slice(0, most.asking)
          .map(({ key }) => key),
        oldestRunnable: Array.from(state.pending)
          .sort((a, b) => a.key - b.key)
          .slice(0, most.oldest)
          .find(({ state: run }) => run.spec.projectId === projectId && isRunnable(run))?.key,
      })),
  }
}
