/** The runs of the next part of a bulk operation. */
import { BulkFilter } from "@runlease/core/BulkOperation"
import * as Ids from "@runlease/core/Ids"
import { Effect, Schema } from "effect"
import * as BulkRules from "../rules/BulkRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import { conditionsOf, mostAtOnce, needsOf, startOf } from "../rows/FilterStart.js"
import type { RunKey, StoredRun } from "../rows/RunRows.js"

/** A run of a part by the name that has found it. `run` is undefined where no run has that name. */
export interface Target {
  readonly name: Ids.RunId
  readonly run: StoredRun | undefined
}

/** The runs of a part, in the order in which they are changed. They are locked, and in the batch. */
export interface Targets extends Pick<BulkRules.Part, "from" | "to" | "runIds" | "searched" | "ended"> {
  readonly targets: ReadonlyArray<Target>
}

/** The keys that are left after the run that was looked at last. */
const keysAfter = ({ action, from, to }: BulkRules.BulkRecord, last: RunKey | undefined) => {
  if (last === undefined) return { from, to }
  return action === "retry" ? { from: last + 1, to } : { from, to: last }
}

const decodeFilter = Schema.decodeSync(BulkFilter)

const ofFilter = <X>(
  { add, rows }: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
): Effect.Effect<Targets, X> =>
  Effect.gen(function* () {
    const filter = decodeFilter(record.filter ?? {})
    const projectId = Ids.ProjectId.make(record.projectId)
    const whole = {
      least: record.from,
      before: record.to,
      limit: most,
      // What is submitted again goes in its order. Claims take the oldest runs, and a cancellation stays out of their way.
      oldestFirst: record.action === "retry",
    }
    const start = yield* startOf(rows.filters, projectId, filter, whole)
    const conditions = conditionsOf(filter, start)
    const needs = needsOf(filter, start)
    const limit = conditions.length === 0 ? most : Math.max(most, mostAtOnce(needs))
    const range = { ...whole, limit }
    let some: ReadonlyArray<RunKey>
    let matching: ReadonlyArray<RunKey>
    if (conditions.length === 0) {
      some = matching = yield* rows.filters.keys(projectId, start, range)
    } else {
      const candidates = yield* rows.filters.candidates(projectId, start, range, needs)
      some = candidates.map(({ key }) => key)
      matching = candidates.flatMap((run) => (conditions.every((matches) => matches(run)) ? [run.key] : []))
    }
    const searched = matching.length > most ? some.indexOf(matching[most]!) : some.length
    const keys = matching.slice(0, most)
    const found = keys.length === 0 ? [] : yield* rows.findKeys(keys)
    const runs = new Map(found.map((run) => [run.key, add(run)]))
    return {
      ...keysAfter(record, some[searched - 1]),
      runIds: null,
      searched,
      ended: searched === some.length && some.length < limit,
      targets: keys.flatMap((key): ReadonlyArray<Target> => {
        const run = runs.get(key)
        // It may have changed since it was looked at, or be gone.
        return run !== undefined && BulkRules.stillMatches(record.filter, run.state)
          ? [{ name: run.state.spec.runId, run }]
          : []
      }),
    }
  })

const ofNames = <X>(
  { add, flush, rows }: RunBatch<X>,
  record: BulkRules.BulkRecord,
  runIds: ReadonlyArray<string>,
  most: number,
): Effect.Effect<Targets, X> =>
  Effect.gen(function* () {
    const projectId = Ids.ProjectId.make(record.projectId)
    const names = runIds.slice(0, most).map((runId) => Ids.RunId.make(runId))
    yield* flush("inputs")
    const found = yield* rows.findNamed(names.map((runId) => ({ projectId, runId })))
    const runs = new Map(found.map(({ name, run }) => [name.runId, add(run)]))
    const left = runIds.slice(most)
    return {
      from: record.from,
      to: record.to,
      runIds: left,
      searched: names.length,
      ended: left.length === 0,
      targets: names.map((name) => ({ name, run: runs.get(name) })),
    }
  })

/** The runs of the next part, at most `most`. */
export const find = <X>(
  batch: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
): Effect.Effect<Targets, X> =>
  record.runIds === null ? ofFilter(batch, record, most) : ofNames(batch, record, record.runIds, most)

/**
 * The same without the runs that are too large to go into this part. Those of a filter go from the lowest key on, so what is left out
 * comes last.
 */
export const without = (found: Targets, isLeftOut: (target: Target) => boolean): Targets => {
  const out = found.targets.filter(isLeftOut)
  const [first] = out
  if (first === undefined) return found
  const targets = found.targets.filter((target) => !isLeftOut(target))
  const later = found.runIds === null ? {} : { runIds: [...out.map(({ name }) => name), ...found.runIds] }
  return {
    ...found,
    ...later,
    ...(found.runIds === null ? { from: first.run!.key } : {}),
    searched: found.searched - out.length,
    ended: false,
    targets,
  }
}
