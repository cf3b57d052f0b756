/**
 * The rows that a submission inserts, and the brands of what is read from rows.
 *
 * @since 0.1.0
 */
import type { Run } from "@runlease/core"
import type { RunRows, RunState } from "@runlease/core/store"
import { Brand, DateTime } from "effect"
import type { Columns, Value } from "./Columns.js"
import { encodersFor } from "./Fields.js"
import { detailFields, specFields } from "./RunFields.js"
import { runColumns } from "./RunRow.js"

// Numbers of the database were checked before they were written.
export const eventId = Brand.nominal<Run.EventId>()
export const sequence = Brand.nominal<Run.Sequence>()

export const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)

export type Row = Readonly<Record<string, Value>>

/** The row of these values. */
export const rowOf = (names: ReadonlyArray<string>, values: ReadonlyArray<Value>): Record<string, Value> => {
  const row: Record<string, Value> = {}
  for (const [index, name] of names.entries()) row[name] = values[index]!
  return row
}

const runNames = Object.keys(runColumns)

const ofSpec = encodersFor("runs", specFields)
const ofDetails = encodersFor("runs", detailFields)

/** The values of a new run in `runs`, in the order of `runColumns`. The database gives its key. */
export const newValues = ({ details, state: { spec }, title }: RunRows.NewRun): ReadonlyArray<Value> => {
  const values: Array<Value> = []
  for (const { encode, name } of ofSpec) values.push(encode(spec[name]))
  for (const { encode, name } of ofDetails) values.push(encode(details[name]))
  values.push(title)
  return values
}

/** The same as a row. */
export const newRow = (run: RunRows.NewRun): Row => rowOf(runNames, newValues(run))

/** Columns of `inputs` that a submission sets. */
export const inputColumns = {
  run_pk: "integer",
  input: "integer",
  since: "integer",
  project_id: "text",
  submission: "text",
  snapshot: "text",
  answers: "text",
} as const satisfies Columns

/** The row of the first input of a new run: its submission. */
export const firstInputRow = (key: number, { snapshot, state, submission }: RunRows.NewRun) => ({
  run_pk: key,
  input: 0,
  since: 0,
  project_id: state.spec.projectId,
  submission,
  snapshot: JSON.stringify(snapshot),
  answers: "{}",
})

/** Columns of a conversation that is made for a run. */
export const conversationColumns = {
  id: "text",
  project_id: "text",
  created_at: "integer",
  updated_at: "integer",
} as const satisfies Columns

/** The row of a conversation that is made for a run. */
export const newConversationRow = ({ conversationId, projectId }: RunState.RunSpec, now: number) => ({
  id: conversationId,
  project_id: projectId,
  created_at: now,
  updated_at: now,
})
