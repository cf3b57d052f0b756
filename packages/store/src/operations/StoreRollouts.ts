/**
 * The port of rollouts over a store, and what submissions and claims read of them.
 *
 * Source: docs/decisions/0160-rollouts.md
 */
import { BulkId } from "@runlease/core/BulkOperation"
import * as Ids from "@runlease/core/Ids"
import { RolloutNotFound, type Rollouts } from "@runlease/core/Rollouts"
import { Effect, Either } from "effect"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wakeups } from "../commit/Wakeups.js"
import { bulkOperations, findRecord, type RecordRef, rollouts as table } from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as BulkRules from "../rules/BulkRules.js"
import * as Rules from "../rules/RolloutRules.js"
import * as RecordOperations from "./RecordOperations.js"

/** The rollouts of these projects. A project that has none is not looked at again. */
export const ofProjects = <X>(
  { rolloutProjects, rows }: RunBatch<X>,
  projectIds: ReadonlySet<string>,
): Effect.Effect<Rules.Rollouts, X> =>
  Effect.map(rows.records(table).ofProjects([...projectIds]), (found) => {
    for (const id of projectIds) {
      if (!found.some(({ record }) => record.projectId === id)) rolloutProjects.delete(id)
    }
    return Rules.byAgent(found.map(({ record }) => record))
  })

/** The rollouts of these agents. They stay as they are until the commit ends, so an operation that routes runs finds those that it adds. */
export const ofAgents = <X>(
  { rows }: RunBatch<X>,
  agents: ReadonlyArray<RecordRef>,
): Effect.Effect<Rules.Rollouts, X> => {
  const refs = new Map(agents.map((ref) => [`${ref.projectId}/${ref.id}`, ref]))
  return Effect.map(rows.records(table).shared([...refs.values()]), (found) =>
    Rules.byAgent(found.map(({ record }) => record)),
  )
}

/** A rollout to be set, or to be removed where it has no versions. `bulkId`: that of the operation that routes the open runs. */
interface Change extends RecordRef {
  readonly versions: Pick<Rules.RolloutRecord, "createdBy" | "current" | "ramp" | "versionPolicy"> | null
  readonly bulkId: BulkId
}

/** Begins the operation that routes the open runs of the agent. */
const beginRouting = <X>(
  { now, rows }: RunBatch<X>,
  { bulkId, id, projectId }: Change,
): Effect.Effect<void, X> =>
  Effect.gen(function* () {
    const bounds = yield* rows.filters.bounds(undefined, undefined)
    const [newest = bounds.least - 1] = yield* rows.filters.keys(projectId, {}, { ...bounds, limit: 1 })
    const filter = { agentId: Ids.AgentId.make(id), status: ["pending", "running", "waiting"] as const }
    const keys = { id: bulkId, projectId, from: bounds.least, to: newest + 1 }
    yield* rows
      .records(bulkOperations)
      .write({ inserted: [BulkRules.begin({ action: "route", filter }, keys, now)] })
  })

const change = <X>() =>
  RecordOperations.inTurn<Change, Rules.RolloutRecord, RolloutNotFound, X>(
    "Rollouts.change",
    (request, batch) =>
      Effect.gen(function* () {
        const { bulkId, id, projectId, versions } = request
        const { now, rolloutProjects, rows } = batch
        const records = rows.records(table)
        // Another transaction that sets the first rollout of the agent waits here.
        const [found] = yield* records.all(projectId, "agent_id", id)
        if (versions === null) {
          if (found === undefined) return Either.left(new RolloutNotFound({ agentId: id }))
          yield* records.write({ removed: [found.key] })
          yield* beginRouting(batch, request)
          return Either.right({ ...found.record, bulkId })
        }
        const record = {
          ...versions,
          id,
          projectId,
          bulkId,
          createdAt: found?.record.createdAt ?? now,
          updatedAt: now,
        }
        yield* records.write(
          found === undefined ? { inserted: [record] } : { updated: [{ key: found.key, record }] },
        )
        rolloutProjects.add(projectId)
        yield* beginRouting(batch, request)
        return Either.right(record)
      }),
  )

/** The port of rollouts of any project. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
): ((projectId: Ids.ProjectId) => Rollouts["Type"]) => {
  const changeOne = commits.operation(change<X>())
  const { read } = StoreReads.reading(store)
  const newBulk = Effect.map(Ids.uuidV7, (id) => BulkId.make(id))

  return (projectId) => ({
    set: Effect.fnUntraced(function* (agentId, rollout) {
      const { agentId: _agentId, ...checked } = yield* Rules.check(agentId, rollout)
      const versions = { ...checked, createdBy: rollout.createdBy ?? null }
      const setting = changeOne({ projectId, id: agentId, versions, bulkId: yield* newBulk })
      const record = yield* Effect.catchTag(setting, "RolloutNotFound", Effect.die)
      yield* wakeups.dueSooner
      return Rules.toRollout(record)
    }),

    get: (agentId) =>
      Effect.flatMap(
        read("Rollouts.get", ({ records }) => findRecord(records(table), { projectId, id: agentId })),
        (found) =>
          found === undefined
            ? new RolloutNotFound({ agentId })
            : Effect.succeed(Rules.toRollout(found.record)),
      ),

    remove: Effect.fnUntraced(function* (agentId) {
      const bulkId = yield* newBulk
      yield* changeOne({ projectId, id: agentId, versions: null, bulkId })
      yield* wakeups.dueSooner
      return bulkId
    }),
  })
}
