/** The columns of counters: `counter_deltas` has what commits added, `counter_sums` what is added up of it. */
import type { Ids } from "@runlease/core"
import type { CounterRows, Counters } from "@runlease/store"
import type { Columns } from "./Columns.js"

/** Columns of `counter_deltas`. */
export const deltaColumns = {
  project_id: "text",
  agent_id: "text",
  minute: "integer",
  counters: "text",
} as const satisfies Columns

/** Columns of `counter_sums`; all but the last name a row. */
export const sumColumns = {
  project_id: "text",
  step: "integer",
  starts_at: "integer",
  agent_id: "text",
  counters: "text",
} as const satisfies Columns

/** Values of `step`: the minutes of a period. */
export const Step = { ever: 0, minute: 1, hour: 60 } as const

export interface DeltaRow {
  readonly project_id: Ids.ProjectId
  readonly agent_id: Ids.AgentId
  readonly minute: number
  readonly counters: string
}

export interface SumRow {
  readonly project_id: Ids.ProjectId
  readonly step: number
  readonly starts_at: number
  readonly agent_id: Ids.AgentId
  readonly counters: string
}

const toCounters = (text: string): Counters.Counters => JSON.parse(text) as Counters.Counters

export const toDelta = (row: DeltaRow): CounterRows.CounterDelta => ({
  projectId: row.project_id,
  agentId: row.agent_id,
  minute: row.minute,
  counters: toCounters(row.counters),
})

export const deltaRow = (delta: CounterRows.CounterDelta): DeltaRow => ({
  project_id: delta.projectId,
  agent_id: delta.agentId,
  minute: delta.minute,
  counters: JSON.stringify(delta.counters),
})

const stepOf = (value: number): CounterRows.CounterSum["step"] =>
  value === Step.ever ? "ever" : value === Step.minute ? "minute" : "hour"

export const toSum = (row: SumRow): CounterRows.CounterSum => ({
  projectId: row.project_id,
  step: stepOf(row.step),
  start: row.starts_at,
  agentId: row.agent_id,
  counters: toCounters(row.counters),
})

export const sumRow = (sum: CounterRows.CounterSum): SumRow => ({
  project_id: sum.projectId,
  step: Step[sum.step],
  starts_at: sum.start,
  agent_id: sum.agentId,
  counters: JSON.stringify(sum.counters),
})
