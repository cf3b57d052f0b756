/**
 * A bulk operation: one action on many runs, done a part at a time.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 */
import { Schema } from "effect"
import * as Ids from "./Ids.js"
import { LabelChanges, Labels, Value } from "./Labels.js"
import { MetadataFilter } from "./MetadataFilter.js"
import * as OneOrMore from "./OneOrMore.js"
import { RunStatus } from "./Run.js"
import { Edit } from "./RunEdits.js"
import { Limits } from "./TreeBudget.js"
import { Tools } from "./Trial.js"

/** A bulk operation's id, unique among all projects. */
export const BulkId = Ids.Uuid.pipe(Schema.brand("BulkId"))
export type BulkId = typeof BulkId.Type

/**
 * What becomes of each run: it is cancelled; it is submitted once more with what it had recorded, where it has ended; its labels change; a pinned one
 * moves to another version of workers; one that has ended is forked into a run of a trial.
 */
const NewBulkAction = Schema.Literal("cancel", "retry", "label", "move", "trial")

/** `route`: the change of a rollout brings the runs of its agent to their versions. */
export const BulkAction = Schema.Literal(...NewBulkAction.literals, "route")
export type BulkAction = typeof BulkAction.Type

/** `running`: some runs are left. `completed`: none are. `aborted`: it was stopped before its end, and what it has done stays. */
export const BulkStatus = Schema.Literal("running", "completed", "aborted")
export type BulkStatus = typeof BulkStatus.Type

/** The most runs that an operation names one by one. */
export const maxRunIds = 1000

const searchText = Ids.StorableText.pipe(Schema.minLength(1), Schema.maxLength(200))

/** From which version pinned runs move to which. */
export const VersionMove = Schema.Struct({ from: Ids.RunVersion, to: Ids.RunVersion })
export type VersionMove = typeof VersionMove.Type

/**
 * A trial (see `Trial`). `after`: the event up to which each run has what its original had recorded; 0 is the start. `budget`: what all of
 * its runs may spend together; each has an equal share.
 */
export const NewTrial = Schema.Struct({
  name: Value,
  after: Schema.NonNegativeInt,
  edits: Schema.optional(Schema.Array(Edit)),
  tools: Tools,
  budget: Limits,
})
export type NewTrial = typeof NewTrial.Type

/** Which runs an operation is for, as `SummaryFilter` of `Summaries.runs` says it. */
export const BulkFilter = Schema.Struct({
  status: Schema.optional(OneOrMore.schema(RunStatus)),
  agentId: Schema.optional(OneOrMore.schema(Ids.AgentId)),
  conversationId: Schema.optional(Ids.ConversationId),
  parentRunId: Schema.optional(Ids.RunId),
  text: Schema.optional(searchText),
  from: Schema.optional(Schema.DateTimeUtcFromNumber),
  to: Schema.optional(Schema.DateTimeUtcFromNumber),
  attempt: Schema.optional(Schema.Int.pipe(Schema.between(1, 1_000_000))),
  errorCode: Schema.optional(OneOrMore.schema(searchText)),
  metadata: Schema.optional(MetadataFilter),
  roots: Schema.optional(Schema.Boolean),
  labels: Schema.optional(Labels),
})
export type BulkFilter = typeof BulkFilter.Type

/**
 * A bulk operation to be made: `filter` or `runIds` says for which runs.
 *
 * `all`: a filter that names nothing means every run of the project, and is refused without it. `labels`: what the action `label`
 * changes; null removes one. `move`: for the action `move`, the versions. `trial`: for the action `trial`, which names its runs by `runIds`. `fromStart`: for `retry`, each run does all of it again, as with `Runs.retry`. `reason`: why, 1 to 500 characters, which a cancelled run has as its error. `dryRun`: it changes no
 * run, and counts what it would do. `idempotencyKey`: a repeat with the same key returns the first operation.
 */
export const NewBulk = Schema.Struct({
  action: NewBulkAction,
  filter: Schema.optional(BulkFilter),
  all: Schema.optional(Schema.Boolean),
  runIds: Schema.optional(Schema.Array(Ids.RunId)),
  labels: Schema.optional(LabelChanges),
  move: Schema.optional(VersionMove),
  trial: Schema.optional(NewTrial),
  fromStart: Schema.optional(Schema.Boolean),
  reason: Schema.optional(Ids.visibleText(500)),
  dryRun: Schema.optional(Schema.Boolean),
  idempotencyKey: Schema.optional(Ids.visibleText(128)),
  createdBy: Schema.optional(Schema.NullOr(Schema.String)),
})

/** Why the operation left a run as it was. */
export const BulkFailure = Schema.Struct({
  runId: Ids.RunId,
  code: Schema.String,
  message: Schema.String,
})
export type BulkFailure = typeof BulkFailure.Type

const count = Schema.NonNegativeInt
const instant = Schema.DateTimeUtcFromNumber

/**
 * A bulk operation of a project.
 *
 * `filter` is null where `named` runs were named one by one. `searched`: the runs that it has looked at so far. `matched`: those of them that the filter
 * finds, which are the sum of the next three. `done`: those that the action has changed, or would change in a dry run. `skipped`: those
 * that had ended before (`cancel`), have not ended (`retry`, `trial`), had the labels already (`label`), or have ended or another version (`move`), or go there already (`route`). `failed`: those that refused it;
 * `failures` are the first ten of them. `cursor`: where it continues, null at its end.
 */
export const BulkOperation = Schema.Struct({
  id: BulkId,
  projectId: Ids.ProjectId,
  action: BulkAction,
  status: BulkStatus,
  filter: Schema.NullOr(BulkFilter),
  named: Schema.NullOr(count),
  labels: Schema.NullOr(LabelChanges),
  move: Schema.optional(VersionMove),
  trial: Schema.optional(NewTrial),
  fromStart: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  reason: Schema.NullOr(Schema.String),
  dryRun: Schema.Boolean,
  searched: count,
  matched: count,
  done: count,
  skipped: count,
  failed: count,
  failures: Schema.Array(BulkFailure),
  cursor: Schema.NullOr(Schema.String),
  createdBy: Schema.NullOr(Schema.String),
  createdAt: instant,
  updatedAt: instant,
  finishedAt: Schema.NullOr(instant),
})
export type BulkOperation = typeof BulkOperation.Type
