/**
 * Transitions of runs inside one step of the state: they change the record, and the sets that it is in.
 */
import { Option } from "effect"
import type { Outcome } from "../ports/Runs.js"
import { bytesOf } from "../rules/AppendRules.js"
import type { Transition } from "../rules/Transition.js"
import * as Transitions from "../rules/Transitions.js"
import { logKey } from "../store/Wakeups.js"
import { projectOf, type RunRecord, type Step } from "./State.js"

const setMember = (set: Set<RunRecord>, record: RunRecord, isMember: boolean): void => {
  if (isMember) set.add(record)
  else set.delete(record)
}

/** Stores the state after a transition, adds its entries to the log, and sees to its consequences. */
export const apply = (step: Step, record: RunRecord, { consequences, entries, state }: Transition): void => {
  const { spec, status } = state
  record.state = state
  for (const { event, eventId, sequence, text } of entries) {
    record.entries.push({ eventId, sequence, event, createdAt: step.at })
    record.sizes.push(bytesOf(text))
  }
  if (entries.length > 0) step.grown.set(logKey(spec), state.latestEventId)
  const project = projectOf(step.state, spec.projectId)
  setMember(project.pending, record, status === "pending")
  setMember(step.state.timed, record, Transitions.dueAt(state) !== null)
  if (state.finishedAt !== null && spec.lane !== null) leaveLane(step, record, spec.lane)
  for (const consequence of consequences) {
    switch (consequence._tag) {
      case "Runnable":
        step.runnable.push(spec)
        break
      case "HolderCancelled":
        step.cancelled.push({ workerId: consequence.workerId, runId: spec.runId })
        break
      case "LaneFreed":
        advanceLane(step, record, consequence.lane)
        break
    }
  }
}

const laneOf = (step: Step, { state: { spec } }: RunRecord, lane: string) =>
  projectOf(step.state, spec.projectId).lanes.get(lane)

const leaveLane = (step: Step, record: RunRecord, name: string): void => {
  const lane = laneOf(step, record, name)
  lane?.delete(record)
  if (lane?.size === 0) projectOf(step.state, record.state.spec.projectId).lanes.delete(name)
}

const advanceLane = (step: Step, record: RunRecord, name: string): void => {
  const first = laneOf(step, record, name)?.values().next().value
  const advanced = first && Transitions.advance(first.state, step.now)
  if (advanced !== undefined) apply(step, first!, advanced)
}

/** Ends a run, with the metadata and the result of its outcome. */
export const applyEnd = (
  step: Step,
  record: RunRecord,
  { metadata, result = null }: Outcome,
  ended: Transition,
): void => {
  record.details = { ...record.details, ...(metadata === undefined ? {} : { metadata }), result }
  apply(step, record, ended)
}

/** Adds a new run to its project, in the lane behind those before it. */
export const add = (step: Step, record: RunRecord, submitted: Transition): void => {
  const { lane, projectId, runId } = submitted.state.spec
  const project = projectOf(step.state, projectId)
  project.runs.set(runId, record)
  if (lane !== null) {
    const members = project.lanes.get(lane) ?? new Set()
    project.lanes.set(lane, members.add(record))
  }
  apply(step, record, submitted)
}

/** Applies what time has made of each run. */
export const sweep = (step: Step): void => {
  for (const record of step.state.timed) {
    const due = Transitions.due(record.state, step.now)
    if (due !== undefined) apply(step, record, due)
  }
}

/** When time changes the next run. */
export const nextDue = (step: Step): Option.Option<number> => {
  let next = Number.POSITIVE_INFINITY
  for (const { state } of step.state.timed) next = Math.min(next, Transitions.dueAt(state) ?? next)
  return Number.isFinite(next) ? Option.some(next) : Option.none()
}
