/**
 * A run as /runs shows it: one shape for every kind of run, of which agents are one.
 *
 * @since 0.1.0
 */
import { Ids, type Run, Schedule } from "@runlease/core"
import { ResumeRules } from "@runlease/core/store"
import { DateTime, Option, Schema } from "effect"
import { Timestamp } from "../Wire.js"
import * as Labels from "./Labels.js"
import { ConversationRun } from "./ConversationRun.js"
import { CanonicalStatus } from "./RunStatus.js"

const text = Schema.NullOr(Schema.String)
const integer = Schema.NullOr(Schema.Int)
const instant = Schema.NullOr(Timestamp)

const RuntimeTargetKind = Schema.Literal("main_branch", "environment", "preview_branch")

/**
 * All 33 keys, always, and `labels` (ours) where the run has some. `config` is what its conversation shows of the run, which other servers leave open, without the result, the
 * metadata and the detail of the error, which are `output`, `metadata` and `error.detail`.
 *
 * @since 0.1.0
 * @category models
 */
export const CanonicalRun = Schema.Struct({
  run_id: Ids.RunId,
  kind: Schema.String,
  status: CanonicalStatus,
  owner: Schema.Struct({ kind: Schema.String, id: Schema.String }),
  root_run_id: Schema.String,
  parent_run_id: text,
  waiting_reason: text,
  target: text,
  workflow_id: text,
  schedule_id: text,
  batch_id: text,
  runtime_target_kind: Schema.NullOr(RuntimeTargetKind),
  runtime_target_environment_id: text,
  runtime_target_branch_id: text,
  logs: text,
  start_mode: text,
  trigger_kind: Schema.NullOr(Schema.Literal("manual", "schedule", "webhook", "api")),
  trigger_id: text,
  created_by: text,
  created_at: Timestamp,
  updated_at: Timestamp,
  started_at: instant,
  completed_at: instant,
  duration_ms: integer,
  exit_code: integer,
  timeout_seconds: integer,
  backoff_limit: integer,
  metadata: Schema.Unknown,
  input: Schema.Unknown.annotations({
    description:
      "Null, since a run is stored apart from its request: GET /runs/{id}/snapshot has its `input`",
  }),
  config: Schema.Unknown,
  output: Schema.Unknown.annotations({ description: "The result of the run, null where there is none" }),
  artifacts: Schema.Array(Schema.Unknown),
  labels: Labels.someOfRun,
  error: Schema.NullOr(
    Schema.Struct({
      message: Schema.String,
      code: Schema.optional(Schema.String),
      detail: Schema.optional(Schema.Unknown).annotations({
        description: "The failure that the agent declares, as JSON, whose tag is the `code`",
      }),
    }),
  ),
}).annotations({ identifier: "CanonicalRun" })
export type CanonicalRun = typeof CanonicalRun.Type

const isRuntimeTargetKind = Schema.is(RuntimeTargetKind)
const encodeConversationRun = Schema.encodeSync(ConversationRun)

/** What a run has ended with may be large, so it is in the answer once. */
const encodeConfig = (run: Run.Run) =>
  encodeConversationRun({ ...run, result: null, metadata: null, labels: {}, error: withoutDetail(run.error) })

const withoutDetail = (error: Run.Run["error"]): Run.Run["error"] =>
  error?.detail === undefined ? error : { code: error.code, message: error.message }

const reasonOf = (waiting: Run.Waiting): string => {
  const { budget, children, expiresAt, inbox, wakesAt } = waiting
  const answers = ResumeRules.open(waiting).map(({ id, message, toolName }) =>
    toolName === undefined ? `an answer to ${message ?? id}` : `the result of ${toolName}`,
  )
  const until = expiresAt === null ? "" : ` until ${DateTime.formatIso(expiresAt)}`
  const wanted = [
    ...(answers.length === 0 ? [] : [`for ${answers.join(", ")}${until}`]),
    ...(children === undefined ? [] : ["for children"]),
    ...(inbox === undefined ? [] : ["for a message"]),
    ...(budget === undefined ? [] : ["for a higher budget"]),
    ...(wakesAt === undefined ? [] : [`until ${DateTime.formatIso(wakesAt)}`]),
  ]
  return `Waiting ${wanted.join(" or ")}`
}

/** The run as /runs shows it. */
export const fromRun = (run: Run.Run): CanonicalRun => ({
  run_id: run.runId,
  kind: "agent",
  status: run.status,
  owner: { kind: "conversation", id: run.conversationId },
  root_run_id: run.rootRunId,
  parent_run_id: run.parentRunId,
  waiting_reason: run.waiting === null ? null : reasonOf(run.waiting),
  target: run.agentId,
  workflow_id: null,
  schedule_id: Schedule.scheduleOf(run.runId) ?? null,
  batch_id: run.batchId,
  runtime_target_kind: isRuntimeTargetKind(run.runtimeTarget.kind) ? run.runtimeTarget.kind : null,
  runtime_target_environment_id: run.runtimeTarget.environmentId,
  runtime_target_branch_id: run.runtimeTarget.branchId,
  logs: null,
  start_mode: run.mode,
  trigger_kind: Schedule.scheduleOf(run.runId) === undefined ? "api" : "schedule",
  trigger_id: run.trigger?.toolCallId ?? null,
  created_by: null,
  created_at: run.createdAt,
  updated_at: run.updatedAt,
  started_at: run.startedAt,
  completed_at: run.finishedAt,
  duration_ms:
    run.startedAt === null || run.finishedAt === null
      ? null
      : Math.trunc(DateTime.distance(run.startedAt, run.finishedAt)),
  exit_code: null,
  timeout_seconds: run.timeoutSeconds ?? null,
  backoff_limit: null,
  metadata: run.metadata ?? null,
  input: null,
  config: encodeConfig(run),
  output: run.result ?? null,
  artifacts: [],
  ...Labels.fields(run.labels),
  error:
    run.error === null
      ? null
      : {
          message: run.error.message,
          ...(run.error.code === null ? {} : { code: run.error.code }),
          ...(run.error.detail === undefined ? {} : { detail: run.error.detail }),
        },
})

/** The run behind it, where `config` holds it. */
export const toRun = (canonical: CanonicalRun) =>
  Option.map(Schema.decodeUnknownOption(ConversationRun)(canonical.config), (run): Run.Run => ({
    ...run,
    result: canonical.output ?? run.result,
    metadata: canonical.metadata ?? run.metadata,
    labels: canonical.labels ?? run.labels,
    batchId: canonical.batch_id,
    error:
      run.error === null || canonical.error?.detail === undefined
        ? run.error
        : { ...run.error, detail: canonical.error.detail },
  }))
