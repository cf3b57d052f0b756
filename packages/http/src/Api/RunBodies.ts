/** The bodies of the endpoints of runs: what they take, and what they answer. */
import { ControlPlane, Ids, Runs } from "@runlease/core"
import { Schema } from "effect"
import { atMost, choice, nullish, PageInfo } from "../Wire.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { CanonicalRun } from "../Wire/Run.js"
import { TakenInput } from "../Wire/FollowUp.js"
import * as Interrupt from "../Wire/Interrupt.js"
import * as WireLabels from "../Wire/Labels.js"
import { LogEntry } from "../Wire/LogEntry.js"
import { batchFields, batchReply, MessageParts, Submission } from "../Wire/Submission.js"
import * as RunEdit from "../Wire/RunEdit.js"
import * as WholeJsonSchema from "../Wire/WholeJsonSchema.js"

/** Kinds of runs that other servers of this API know. */
export const OtherKind = Schema.Struct({ kind: Schema.Literal("task", "workflow", "eval") })

/** A run to be submitted, by its kind. */
export const NewRun = choice("kind", Schema.Union(strict(Submission), OtherKind))

/**
 * (ours) `steered`: the submission became a message to the run, and no run. `debounced`: it became the input of a run that was submitted
 * before.
 */
export const Submitted = Schema.Struct({
  accepted: Schema.Boolean,
  duplicate: Schema.optional(Schema.Boolean),
  steered: Schema.optional(Schema.Boolean),
  debounced: Schema.optional(Schema.Boolean),
  run: CanonicalRun,
})

/** (ours) Runs that are submitted together. They are read one by one, so that one that is wrong is refused alone. */
export const Batch = Schema.Struct({
  ...batchFields,
  runs: Schema.Array(
    Schema.Unknown.annotations({ identifier: "NewRun", jsonSchema: WholeJsonSchema.of(NewRun) }),
  ).pipe(atMost(Runs.maxSubmissions)),
})

/** The status and the body that POST /runs answers: a refusal, or what the submission became. */
export const BatchAnswer = Schema.Struct({ status: Schema.Int, body: Schema.Union(Submitted, Refusal.Body) })
export type BatchAnswer = typeof BatchAnswer.Type

export const BatchAnswers = Schema.Struct({
  ...batchReply.fields,
  answers: Schema.Array(BatchAnswer),
})

/** (ours) `ended`: the log has ended and this page reaches its end. */
export const LogPage = Schema.Struct({
  data: Schema.Array(LogEntry),
  page_info: PageInfo,
  ended: Schema.optional(Schema.Boolean),
})

export const TakenInputs = Schema.Struct({ data: Schema.Array(TakenInput) })

export const Retry = Schema.Struct({
  public_id: nullish(Ids.NewRunId),
  from_start: nullish(Schema.Boolean).annotations({
    description: "Do all of the run again, also what it has recorded",
  }),
})

export const Fork = Schema.Struct({
  after_event_id: Schema.Int.pipe(Schema.between(1, Number.MAX_SAFE_INTEGER)),
  public_id: nullish(Ids.NewRunId),
  edits: Schema.optional(strict(RunEdit.Edits)).annotations({
    description:
      "(ours) What the fork has in place of what the run had: 100 at most. Each is checked as the value was that it replaces, and is listed in the first event of the fork, `runlease.edits`",
  }),
})

/** (ours) Labels that a run gets, and null for each that it loses. */
export const Label = Schema.Struct({ labels: WireLabels.GivenChanges })

/** (ours) A message to a run: text, or parts. */
export const Tell = Schema.Struct({
  text: Schema.optional(Schema.NonEmptyString),
  parts: Schema.optional(MessageParts),
  idempotency_key: nullish(Ids.text(200)),
}).pipe(
  Schema.filter(({ parts, text }) =>
    (parts === undefined) === (text === undefined)
      ? { path: ["text"], message: "must be there, or `parts`, and not both" }
      : undefined,
  ),
)

export const Told = Schema.Struct({ message_id: Schema.String, duplicate: Schema.Boolean })

export const CompletedReply = Schema.Struct({ completed: Schema.Boolean, run: CanonicalRun })
export const CancelledReply = Schema.Struct({ cancelled: Schema.Boolean, run: CanonicalRun })
export const ResumedReply = Schema.Struct({
  accepted: Schema.Boolean,
  duplicate: Schema.optional(Schema.Boolean),
  run: Schema.optional(CanonicalRun),
})

export const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_call_id: Schema.NonEmptyString,
  result: Schema.Unknown,
  is_error: nullish(Schema.Boolean),
})

/** (ours) Answers to what a run waits for. All of them are accepted, or none. */
export const Resume = Schema.Struct({ type: Schema.Literal("interrupts"), resume: Interrupt.Answers })

export const PruneOptions = Schema.Struct({
  older_than_seconds: Schema.NonNegative.pipe(Schema.lessThanOrEqualTo(86_400 * 36_525)),
  limit: nullish(Schema.Int.pipe(Schema.between(1, ControlPlane.maxPruneLimit))),
})

export const Pruned = Schema.Struct({ pruned: Schema.NonNegativeInt, more: Schema.Boolean })
