/**
 * Circles of waits: a run waits for a child that is behind another run in its lane, which waits for a child that is behind the first.
 *
 * Only a wait closes a circle. It is looked for in the commit of that wait, and only where a child of some run is behind another run in a
 * lane of the waiting run or of a run above it: any circle has such a child.
 *
 * A look locks the lanes that it sees, and those of the waiting run and of all above it. Of the waits that close a circle together, any two
 * see a lane that the other one locks, so the later one sees the earlier one.
 *
 * Source: docs/decisions/0096-circles-of-waits.md
 */
import { Effect } from "effect"
import { lanesOf } from "../rules/RunState.js"
import * as WaitTransitions from "../rules/WaitTransitions.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { Lane, RunKey, RunRef, StoredRun } from "../rows/RunRows.js"
import { laneName } from "./SubmitRequest.js"

/** The most runs that are read for one wait. What is not read counts as if it could end. */
const mostRuns = 1_000

/** The most waits that the error of a run names. */
const mostNamed = 8

/** A run that resumes when all runs of one of the groups have ended. */
interface Blocked {
  readonly run: StoredRun
  readonly groups: ReadonlyArray<ReadonlyArray<StoredRun>>
}

type BlockedRuns = ReadonlyMap<RunKey, Blocked>

const laneOf = ({ state: { spec } }: StoredRun): ReadonlyArray<Lane> =>
  spec.lane === null ? [] : [{ projectId: spec.projectId, lane: spec.lane }]

const distinct = (lanes: ReadonlyArray<Lane>): ReadonlyArray<Lane> => [
  ...new Map(lanes.map((lane) => [laneName(lane), lane])).values(),
]

const isBehind = ({ state: { gate, status } }: StoredRun): boolean =>
  status === "pending" && gate === "behind"

const isChildOf = (parent: StoredRun, { state: { spec } }: StoredRun): boolean =>
  spec.projectId === parent.state.spec.projectId && spec.child?.parent === parent.state.spec.runId

/** What blocks this run, and what blocks that. */
const blockedBy = <X>(batch: RunBatch<X>, root: StoredRun): Effect.Effect<BlockedRuns, X> =>
  Effect.gen(function* () {
    const blocked = new Map<RunKey, Blocked>()
    let left = mostRuns
    let waiting: ReadonlyArray<StoredRun> = [root]
    while (waiting.length > 0 && left > 0) {
      const parents = waiting.map(({ state }) => state.spec)
      const children = (yield* batch.rows.openChildren(parents, left)).map(batch.add)
      left -= children.length
      for (const run of waiting) {
        const own = new Map(
          children
            .filter((child) => isChildOf(run, child))
            .map((child) => [child.state.spec.child!.index, child]),
        )
        const groups = WaitTransitions.waitsForChildren(run.state) ?? []
        blocked.set(run.key, {
          run,
          groups: groups.map((group) => group.flatMap((index) => own.get(index) ?? [])),
        })
      }
      const behind = children.filter(isBehind)
      const ahead =
        behind.length === 0
          ? []
          : (yield* batch.rows.laneRuns(distinct(behind.flatMap(laneOf)), "waiting")).map(batch.add)
      left -= ahead.length
      for (const run of behind) {
        const before = ahead.filter(
          ({ key, state }) => key < run.key && state.spec.lane === run.state.spec.lane,
        )
        blocked.set(run.key, { run, groups: [before] })
      }
      waiting = [...new Map([...children, ...ahead].map((run) => [run.key, run])).values()].filter(
        ({ key, state }) => !blocked.has(key) && WaitTransitions.waitsForChildren(state) !== undefined,
      )
    }
    return blocked
  })

/** Those of them that nothing lets go. */
const stuckOf = (blocked: BlockedRuns): BlockedRuns => {
  const stuck = new Map(blocked)
  const isFree = ({ groups }: Blocked): boolean =>
    groups.length === 0 || groups.some((group) => !group.some(({ key }) => stuck.has(key)))
  for (let before = -1; before !== stuck.size;) {
    before = stuck.size
    for (const [key, run] of stuck) if (isFree(run)) stuck.delete(key)
  }
  return stuck
}

/** Who waits for whom, from a run on until one comes again. */
const circleOf = (stuck: BlockedRuns, root: StoredRun): string => {
  const named: Array<string> = []
  const visited = new Set<RunKey>()
  for (let run = root; !visited.has(run.key) && named.length < mostNamed;) {
    visited.add(run.key)
    const { runId, lane } = run.state.spec
    const next = stuck
      .get(run.key)!
      .groups.flat()
      .find(({ key }) => stuck.has(key))!
    const { runId: other } = next.state.spec
    named.push(isBehind(run) ? `${runId} is behind ${other} in lane ${lane}` : `${runId} waits for ${other}`)
    run = next
  }
  return named.join(", ")
}

/** Fails those of these runs that have begun to wait in this commit and close a circle. */
export const resolve = <X>(batch: RunBatch<X>, refs: ReadonlyArray<RunRef>): Effect.Effect<void, X> =>
  Effect.gen(function* () {
    const lanesAround = ({ state }: StoredRun): ReadonlyArray<Lane> =>
      lanesOf(state).map((lane) => ({ projectId: state.spec.projectId, lane }))
    const waiting = refs
      .flatMap((ref) => batch.find(ref) ?? [])
      .filter(({ state }) => WaitTransitions.waitsForChildren(state) !== undefined)
    const lanes = distinct(waiting.flatMap(lanesAround))
    if (lanes.length === 0) return
    const blocking = new Set((yield* batch.rows.lanesWith("child behind", lanes)).map(laneName))
    for (const { state } of waiting.filter((run) =>
      lanesAround(run).some((lane) => blocking.has(laneName(lane))),
    )) {
      // The lanes are read as this commit has left them.
      yield* batch.flush()
      const run = batch.find(state.spec)!
      if (WaitTransitions.waitsForChildren(run.state) === undefined) continue
      const stuck = stuckOf(yield* blockedBy(batch, run))
      if (!stuck.has(run.key)) continue
      batch.apply(run, WaitTransitions.deadlocked(run.state, circleOf(stuck, run), batch.now))
    }
  })
