/** Bulk operations on the wire. (ours) */
import { BulkOperation as Model, Ids, Labels, MetadataFilter, TreeBudget, Trial } from "@runlease/core"
import { Predicate, Record, Schema } from "effect"
import { as, atMost, renamed, Timestamp } from "../Wire.js"
import * as WireLabels from "./Labels.js"
import { Edits } from "./RunEdit.js"

/** A field that may be absent or null, with the same meaning. */
const may = <A, I>(key: string, schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(schema, { nullable: true }).pipe(Schema.fromKey(key))

const { agentId, attempt, errorCode, status, text } = Model.BulkFilter.fields

/** The schema of a field that may be absent. */
const inner = <A, I>(schema: Schema.optional<Schema.Schema<A, I>>): Schema.Schema<A, I> => schema.from

/** JSON has no undefined, so a field of that value is absent. */
const withoutUndefined = <A extends object>(value: A): A =>
  Record.filter(value as Record<string, unknown>, Predicate.isNotUndefined) as A

/** The fields of a value of core, where absent ones are undefined. */
const fieldsOf = <A extends object>() => {
  return <W extends object, I>(wire: Schema.Schema<W, I>): Schema.Schema<A, I> =>
    as<A>()(wire, {
      decode: (value) => value as unknown as A,
      encode: (value) => withoutUndefined(value) as unknown as W,
    })
}

/** Which runs an operation is for. */
export const BulkFilter = fieldsOf<Model.BulkFilter>()(
  renamed({
    status: may("status", inner(status)).annotations({
      description: "One, or a list of which the run has one",
    }),
    agentId: may("agent_id", inner(agentId)).annotations({
      description: "One, or a list of which the run has one",
    }),
    conversationId: may("conversation_id", Ids.ConversationId),
    parentRunId: may("parent_run_id", Ids.RunId),
    text: may("text", inner(text)).annotations({
      description: "In the title, in any case of its letters, or the end of the id",
    }),
    from: may("from", Timestamp).annotations({ description: "Submitted from then on" }),
    to: may("to", Timestamp).annotations({ description: "Submitted before then" }),
    attempt: may("attempt", inner(attempt)).annotations({ description: "The least attempt" }),
    errorCode: may("error_code", inner(errorCode)).annotations({
      description:
        "The code of the error with which a run has ended: one, or a list of which the run has one",
    }),
    metadata: may("metadata", MetadataFilter.MetadataFilter).annotations({
      description:
        "By the path of a value in the metadata of a run that has ended, as `customer.plan`: its text, or a list of which it is one",
    }),
    roots: may("roots", Schema.Boolean).annotations({ description: "No run that another one has spawned" }),
    labels: may("labels", WireLabels.LabelsInBody).annotations({ description: "The run has all of these" }),
  }),
).annotations({ identifier: "BulkFilter" })

/** A trial: what its runs have in place of what their originals had. */
const TrialBody = fieldsOf<Model.NewTrial>()(
  renamed({
    name: Labels.Value.annotations({ description: "Its runs have the label `trial` with this value" }),
    after: Schema.NonNegativeInt.annotations({
      description: "Each run has what its original had recorded by this event; 0 is the start",
    }),
    edits: may("edits", Edits).annotations({
      description: "What each run has instead, as edits of a fork. An answer is none of them",
    }),
    tools: Trial.Tools.annotations({
      description:
        "`recorded`: a tool call with the name and arguments of one of the original has its result, and others are refused. `live`: they are made. `refuse`: all are refused",
    }),
    budget: TreeBudget.Limits.annotations({
      description: "What all runs may spend together; each has an equal share",
    }),
  }),
).annotations({ identifier: "NewTrial" })

/** Of more run ids, none is read. The rules refuse those beyond 1,000, and say how many there are. */
const mostRead = 10 * Model.maxRunIds

/** A bulk operation to be made. */
export const NewBulk = fieldsOf<typeof Model.NewBulk.Type>()(
  renamed({
    action: Model.NewBulk.fields.action.annotations({
      description:
        "`cancel`: the run is cancelled. `retry`: a run that has ended is submitted once more, and begins with what failed. `label`: its labels change. `move`: a pinned run moves to another version of workers. `trial`: a run that has ended is forked into a run of a trial",
    }),
    filter: may("filter", BulkFilter).annotations({
      description: "All of these hold for the runs. One that names nothing needs `all`",
    }),
    all: may("all", Schema.Boolean).annotations({ description: "Every run of the project" }),
    runIds: may("run_ids", atMost(mostRead)(Schema.Array(Ids.RunId))).annotations({
      description: "Instead of a filter: 1 to 1,000 ids",
    }),
    labels: may("labels", WireLabels.GivenChanges).annotations({
      description: "For `label`: each name gets its value, or is removed where that is null",
    }),
    move: may("move", Model.VersionMove).annotations({
      description:
        "For `move`: pinned runs of version `from` stay with workers of version `to`; empty for workers without one",
    }),
    trial: may("trial", TrialBody).annotations({
      description: "For `trial`, whose runs are named by `run_ids`",
    }),
    fromStart: may("from_start", Schema.Boolean).annotations({
      description: "For `retry`: each run does all of it again, also what it has recorded",
    }),
    reason: may("reason", Ids.visibleText(500)).annotations({
      description: "Why. A cancelled run has it as the message of its error, with code `bulk_cancelled`",
    }),
    dryRun: may("dry_run", Schema.Boolean).annotations({
      description: "Change no run, and count what the operation would do",
    }),
    idempotencyKey: may("idempotency_key", Ids.visibleText(128)).annotations({
      description: "A repeat with the same key returns the first operation",
    }),
  }),
).annotations({ identifier: "NewBulk" })

const count = Schema.NonNegativeInt

/** A bulk operation: every key, always. */
export const Bulk = as<Model.BulkOperation>()(
  renamed({
    id: Model.BulkId,
    projectId: Ids.ProjectId,
    action: Model.BulkAction,
    status: Model.BulkStatus,
    filter: Schema.NullOr(BulkFilter),
    named: Schema.NullOr(count),
    labels: Schema.NullOr(Labels.LabelChanges),
    move: Schema.optional(Model.VersionMove),
    trial: Schema.optional(TrialBody),
    // A server of an earlier version does not send it.
    fromStart: Schema.optionalWith(Schema.Boolean, { default: () => false }).pipe(
      Schema.fromKey("from_start"),
    ),
    reason: Schema.NullOr(Schema.String),
    dryRun: Schema.Boolean,
    searched: count,
    matched: count,
    done: count,
    skipped: count,
    failed: count,
    failures: Schema.Array(renamed({ runId: Ids.RunId, code: Schema.String, message: Schema.String })),
    cursor: Schema.NullOr(Schema.String),
    createdBy: Schema.NullOr(Schema.String),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    finishedAt: Schema.NullOr(Timestamp),
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "Bulk" })
