/** The log of a run as its page keeps it. */
import * as OpenedItems from "@runlease/core/OpenedItems"
import * as RecordParts from "@runlease/core/RecordParts"
import type * as Json from "@runlease/http/Json"
import type { ChildPart, Part, StepPart, TextPart, ToldPart, ToolPart } from "./parts"

export type Entry = Json.LogEntry
export type Event = Entry["payload"]

/** The record of a step, or a part of it. */
export type LoggedRecord = RecordParts.RecordPart & Readonly<Record<string, unknown>>

/** A wait in the log: when it began, and what for. */
export interface LoggedWait {
  readonly at: number
  readonly reasons: ReadonlyArray<string>
}

/** The run that this one does again: with a number of its records and answers, or from the start. */
export interface LoggedRetry {
  readonly runId: string
  readonly records: number
  readonly answers: number
  readonly fromStart: boolean
  readonly by: string | null
}

/** The run that this one is a fork of, and what was edited in it. */
export interface LoggedEdits {
  readonly runId: string
  readonly after: number
  readonly by: string | null
  readonly edits: ReadonlyArray<string>
}

/** Changed in place; `version` counts the changes. */
export interface RunLog {
  readonly entries: Array<Entry>
  readonly parts: Array<Part>
  readonly steps: Array<StepPart | ToolPart>
  /** What is open, and what has been opened, by the ids that later events name. */
  readonly texts: Map<string, TextPart>
  readonly calls: Map<string, ToolPart>
  readonly openSteps: Map<string, StepPart>
  readonly children: Map<string, ChildPart>
  readonly told: Map<number, ToldPart>
  /** The messages and calls of this attempt that no record names yet. */
  readonly opened: OpenedItems.OpenedItems
  readonly wholeRecord: (record: LoggedRecord) => LoggedRecord | undefined
  readonly types: Map<string, number>
  readonly waits: Array<LoggedWait>
  /** What the log says of the run that this one does again. */
  retry: LoggedRetry | undefined
  edits: LoggedEdits | undefined
  lastId: number
  version: number
  /** How many steps and calls have a result that stays. */
  done: number
  state: unknown
  stateAt: number | null
}

export const makeRunLog = (): RunLog => ({
  entries: [],
  parts: [],
  steps: [],
  texts: new Map(),
  calls: new Map(),
  openSteps: new Map(),
  children: new Map(),
  told: new Map(),
  opened: OpenedItems.make(),
  wholeRecord: RecordParts.make(),
  types: new Map(),
  waits: [],
  retry: undefined,
  edits: undefined,
  lastId: 0,
  version: 0,
  done: 0,
  state: undefined,
  stateAt: null,
})

/** The children that the run waits for, or may wait for: those of its tree that have not ended. */
export const openChildren = (children: RunLog["children"]): ReadonlyArray<ChildPart> =>
  [...children.values()].filter(({ index, outcome }) => index !== null && outcome === null)

/** The indexes of the children that have ended, of those that the log has so far. */
export const endedChildren = ({ children }: RunLog): ReadonlySet<number> =>
  new Set(
    [...children.values()].flatMap(({ index, outcome }) =>
      index === null || outcome === null ? [] : [index],
    ),
  )

/** `a child`, `3 children` */
export const childrenWord = (count: number): string =>
  count === 1 ? "a child" : count === 0 ? "its children" : `${count} children`

/** An entry as the folding of each event needs it. */
export interface Read {
  readonly event: Event
  readonly eventId: number
  readonly at: number
  /** Written by the control plane, and not by an executor. */
  readonly byControl: boolean
}
