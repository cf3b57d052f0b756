/** A schedule on the wire: every key, always. */
import { Ids, Schedule as Model } from "@runlease/core"
import { Schema, Struct } from "effect"
import { absent, as, orNull, renamed, Timestamp } from "../Wire.js"
import * as Run from "./Run.js"

const text = Schema.NullOr(Schema.String)
const instant = Schema.NullOr(Timestamp)

/** A field that other servers do not have. */
const added = <Key extends string, A, I>(key: Key, schema: Schema.Schema<A, I>, fallback: () => A) =>
  Schema.optionalWith(schema, { default: fallback, nullable: true }).pipe(Schema.fromKey(key))

const addedOrNull = <Key extends string, A, I>(key: Key, schema: Schema.Schema<A, I>) =>
  orNull(schema).pipe(Schema.fromKey(key))

export const ScheduleTarget = renamed({
  kind: Schema.Literal("agent"),
  id: Ids.NewAgentId,
  conversationId: absent(Ids.ConversationId).pipe(Schema.fromKey("conversation_id")),
  conversationMode: absent(Schema.Literal("create_new", "reuse")).pipe(Schema.fromKey("conversation_mode")),
})

const configFields = Model.ScheduleConfig.fields

/** The request of each run. */
export const ScheduleConfig = renamed({
  prompt: configFields.prompt,
  input: configFields.input,
  labels: configFields.labels,
  concurrencyKey: Schema.optional(Ids.visibleText(256)).pipe(Schema.fromKey("concurrency_key")),
  concurrencyLimit: Schema.optional(Schema.Int.pipe(Schema.between(1, 100_000))).pipe(
    Schema.fromKey("concurrency_limit"),
  ),
})

/** How long a schedule may be without a success. */
export const ScheduleHealth = renamed({
  maxStalenessSeconds: Model.ScheduleHealth.fields.maxStalenessSeconds,
})

const fields = Model.Schedule.fields

const wire = renamed({
  id: fields.id,
  projectId: fields.projectId,
  name: Schema.String,
  status: fields.status,
  target: ScheduleTarget,
  schedule: Schema.String,
  timezone: Schema.String,
  runtime_target_kind: text,
  runtime_target_environment_id: text,
  runtime_target_branch_id: text,
  config: ScheduleConfig,
  timeoutSeconds: Schema.Int,
  backoffLimit: Schema.Int,
  concurrencyPolicy: fields.concurrencyPolicy,
  definitionSource: fields.definitionSource,
  sourceTriggerId: text,
  sourcePath: text,
  sourceHash: text,
  lastScheduledAt: instant,
  lastSuccessfulAt: instant,
  health: Schema.NullOr(ScheduleHealth),
  maxRuns: Schema.NullOr(Schema.Int),
  runCount: Schema.NonNegativeInt,
  completedAt: instant,
  pausedReason: text,
  pausedAt: instant,
  lastFailureAt: instant,
  lastFailureCode: text,
  lastFailureMessage: text,
  lastFailureRunId: fields.lastFailureRunId,
  createdBy: text,
  integrationRequirements: Schema.Array(Schema.Unknown),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  run_as_user_id: addedOrNull("run_as_user_id", Schema.String),
  runtime_target_release_version: addedOrNull("runtime_target_release_version", Schema.String),
  startsAt: addedOrNull("starts_at", Timestamp),
  endsAt: addedOrNull("ends_at", Timestamp),
  missed: added("missed", fields.missed, () => "skip" as const),
  windowSeconds: added("window_seconds", Schema.NonNegativeInt, () => 0),
  pauseAfterFailures: added("pause_after_failures", Schema.NonNegativeInt, () => 0),
  source: addedOrNull("source", Schema.String),
  revision: added("revision", Schema.NonNegativeInt, () => 0),
  nextAt: addedOrNull("next_at", Timestamp),
  nextNominal: addedOrNull("next_nominal", Timestamp),
  lastRunId: addedOrNull("last_run_id", Ids.RunId),
  skipped: added("skipped", fields.skipped, () => ({ overlap: 0, missed: 0 })),
})

/** `next_at` and `next_nominal` are null while the schedule is paused or complete. `run_as_user_id` is always null here. */
export const Schedule = as<Model.Schedule>()(wire, {
  decode: ({
    runtime_target_branch_id,
    runtime_target_environment_id,
    runtime_target_kind,
    runtime_target_release_version,
    ...schedule
  }) => ({
    ...Struct.omit(schedule, "run_as_user_id"),
    runtimeTarget: Run.runtimeTarget({
      runtime_target_branch_id,
      runtime_target_environment_id,
      runtime_target_kind,
      runtime_target_release_version,
    }),
  }),
  encode: ({ runtimeTarget, ...schedule }) => ({
    ...schedule,
    ...Run.runtimeTargetKeys(runtimeTarget),
    run_as_user_id: null,
  }),
}).annotations({ identifier: "Schedule" })
