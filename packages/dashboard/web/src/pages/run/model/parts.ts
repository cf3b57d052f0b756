/** What the conversation of a run is made of, in the order of its log. A part changes while events of it arrive; `version` counts that. */
import type { Question } from "./questions"

interface Base {
  readonly key: string
  readonly eventId: number
  /** Milliseconds since the epoch. */
  readonly at: number
  version: number
}

/** What an attempt has opened. `cut`: the attempt died in its middle. `superseded`: a later attempt does it again. */
interface Opened extends Base {
  open: boolean
  cut: boolean
  superseded: boolean
}

export interface TextPart extends Opened {
  readonly kind: "text" | "reasoning"
  readonly messageId: string
  /** The event of the record that names it; null for none. */
  recorded: number | null
  text: string
  endedAt: number | null
}

export interface ToolResult {
  readonly content: unknown
  readonly isError: boolean
  readonly at: number
  readonly eventId: number
}

export interface ToolPart extends Opened {
  readonly kind: "tool"
  readonly callId: string
  /** The event of the record that names it; null for none. */
  recorded: number | null
  readonly name: string
  args: string
  /** When its arguments were complete. */
  begunAt: number | null
  result: ToolResult | null
  /** The question whether to make the call, or what its result is. */
  question: Question | null
  /** An earlier attempt may have made the call. */
  uncertain: boolean
}

export type StepKind = "step" | "sleep" | "inbox" | "child"

/** A step. `recorded`: the event of its record, which a later attempt reads. */
export interface StepPart extends Base {
  readonly kind: "step"
  readonly step: StepKind
  readonly name: string
  readonly shown: boolean
  stepKey: unknown
  /** Null until it has a record. */
  stepId: string | null
  endedAt: number | null
  brokenAt: number | null
  recorded: number | null
  result: string | undefined
  failure: string | undefined
  /** It has failed. `message`: why, where the log says so in clear. */
  error: { readonly message: string | undefined } | null
  codec: string | undefined
  /** It has opened messages or calls, which show it. */
  opens: boolean
  /** A step that must not happen twice. */
  once: boolean
  detail: string | null
}

export interface ChildPart extends Base {
  readonly kind: "child"
  readonly runId: string
  readonly name: string
  /** The children of a run are counted from 0; null for a detached one, which is no part of its tree. */
  readonly index: number | null
  outcome: { readonly status: string; readonly message: string | null } | null
  endedAt: number | null
}

export interface ToldPart extends Base {
  readonly kind: "told"
  readonly number: number
  readonly text: string
  isRead: boolean
}

export interface QuestionPart extends Base {
  readonly kind: "question"
  readonly question: Question
}

export interface PausePart extends Base {
  readonly kind: "pause"
  readonly reasons: ReadonlyArray<string>
  readonly until: number | null
}

/** The end of an attempt without an outcome, and the start of the next. `unfinished`: requests to a model that are made again. */
export interface TakeoverPart extends Base {
  readonly kind: "takeover"
  readonly previousWorker: string
  readonly ended: string
  readonly reason: string | null
  readonly attempt: number | null
  readonly worker: string | null
  readonly unfinished: number
  /** Steps that the log had by then. */
  readonly read: number
}

export interface EndPart extends Base {
  readonly kind: "end"
  readonly status: "completed" | "failed" | "cancelled"
  readonly message: string | null
  readonly code: string | null
  readonly result: unknown
  /** Who cancelled the run. */
  readonly by: string | null
}

export interface NotePart extends Base {
  readonly kind: "note"
  readonly label: string
  readonly text: string
  readonly value: unknown
}

export type Part =
  | TextPart
  | ToolPart
  | StepPart
  | ChildPart
  | ToldPart
  | QuestionPart
  | PausePart
  | TakeoverPart
  | EndPart
  | NotePart
