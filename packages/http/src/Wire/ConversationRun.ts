/**
 * A run as its conversation shows it. It holds all that core knows of a run, so it reads back as one.
 *
 * @since 0.1.0
 */
import { Fairness, Ids, Interrupt, Labels, Run, TimeLimits, TreeBudget } from "@runlease/core"
import { ResumeRules } from "@runlease/core/store"
import { Schema } from "effect"
import { as, nullish, renamed, Timestamp } from "../Wire.js"
import * as Wire from "./Interrupt.js"
import * as WireLabels from "./Labels.js"
import * as RunError from "./RunError.js"
import { ConversationStatus } from "./RunStatus.js"
import { WorkerSession } from "./Session.js"
import * as Target from "./Target.js"

const Trigger = renamed({
  conversationId: Ids.ConversationId,
  messageId: Ids.MessageId,
  toolCallId: Ids.StorableText,
})

/** Another server may not tell a run's project. */
const unknownProject = Ids.ProjectId.make("00000000-0000-0000-0000-000000000000")

const wire = Schema.Struct({
  run_id: Ids.RunId,
  conversation_id: Ids.ConversationId,
  message_id: Ids.MessageId,
  latest_event_id: Run.EventId,
  latest_external_event_sequence: Run.Sequence,
  status: ConversationStatus,
  waiting_tool_call_id: nullish(Schema.String),
  waiting_tool_name: nullish(Schema.String),
  agent_id: Ids.AgentId,
  project_id: Schema.NullOr(Ids.ProjectId),
  created_at: Timestamp,
  started_at: nullish(Timestamp),
  finished_at: nullish(Timestamp),
  terminal_error_code: nullish(Schema.String),
  terminal_error_message: nullish(Schema.String),
  terminal_error_detail: Schema.optional(Schema.Unknown).annotations({
    description: "(ours) The failure that the agent declares, as JSON; absent where there is none",
  }),
  ...Target.given,
  parent_run_id: nullish(Ids.RunId),
  updated_at: nullish(Timestamp),
  metadata: Schema.optional(Schema.Unknown),
  root_run_id: nullish(Ids.RunId),
  mode: nullish(Schema.String),
  trigger: nullish(Trigger),
  implementation_kind: nullish(Schema.String),
  worker_key: nullish(Schema.String),
  priority: nullish(Schema.Int),
  concurrency_key: nullish(Schema.String),
  concurrency_limit: nullish(Schema.Int),
  limits: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  fairness_key: nullish(Schema.String),
  fairness_weight: nullish(Schema.Number),
  available_at: nullish(Timestamp),
  attempt: nullish(Schema.NonNegativeInt),
  max_attempts: nullish(Schema.Positive.pipe(Schema.int())),
  lease_owner: nullish(Ids.WorkerId),
  lease_epoch: nullish(Run.LeaseEpoch),
  lease_expires_at: nullish(Timestamp),
  waiting_expires_at: nullish(Timestamp),
  waiting_interrupts: nullish(Schema.Array(Wire.Interrupt)),
  waiting_answers: nullish(Schema.Array(Wire.Answer)),
  wakes_at: nullish(Timestamp),
  waiting_children: nullish(Schema.Array(Schema.Array(Schema.NonNegativeInt))),
  waiting_taken_messages: nullish(Schema.NonNegativeInt),
  waiting_for_budget: nullish(Schema.Boolean),
  budget: nullish(TreeBudget.Budget),
  ttl_seconds: nullish(TimeLimits.Seconds),
  timeout_seconds: nullish(TimeLimits.Seconds),
  start_by: nullish(Timestamp).annotations({
    description: "(ours) When the run is cancelled if no worker claims it before",
  }),
  timeout_at: nullish(Timestamp).annotations({
    description: "(ours) When the run reaches its timeout if its lease lasts until then",
  }),
  result: Schema.optional(Schema.Unknown),
  worker_session: nullish(WorkerSession),
  labels: WireLabels.someOfRun,
  batch_id: nullish(Schema.String),
})

/** Another server tells one tool call, and when the wait for it ends. */
const waitingOf = (run: typeof wire.Type): Run.Waiting | null => {
  const expiresAt = run.waiting_expires_at ?? null
  if (run.waiting_interrupts != null) {
    return {
      interrupts: run.waiting_interrupts,
      answers: run.waiting_answers ?? [],
      expiresAt,
      ...(run.wakes_at == null ? {} : { wakesAt: run.wakes_at }),
      ...(run.waiting_children == null ? {} : { children: run.waiting_children }),
      ...(run.waiting_taken_messages == null ? {} : { inbox: run.waiting_taken_messages }),
      ...(run.waiting_for_budget === true ? { budget: true as const } : {}),
    }
  }
  if (run.waiting_tool_call_id == null) return null
  const interrupt = Interrupt.ofToolCall(
    run.waiting_tool_call_id,
    run.waiting_tool_name ?? run.waiting_tool_call_id,
  )
  return {
    interrupts: [expiresAt === null ? interrupt : { ...interrupt, expiresAt }],
    answers: [],
    expiresAt,
  }
}

/** The first that is open, in the words of one who knows tool calls alone. */
const toolCallOf = (waiting: Run.Waiting | null) => {
  const first = waiting === null ? undefined : ResumeRules.open(waiting)[0]
  return {
    waiting_tool_call_id: first === undefined ? null : (first.toolCallId ?? first.id),
    waiting_tool_name: first === undefined ? null : (first.toolName ?? first.reason),
  }
}

/**
 * Every key is there, `terminal_error_detail`, `limits`, `labels` and `batch_id` apart. Those from `root_run_id` on, `worker_session` apart, may be missing from another server.
 *
 * @since 0.1.0
 * @category models
 */
export const ConversationRun = as<Run.Run>()(wire, {
  decode: (run) => ({
    runId: run.run_id,
    projectId: run.project_id ?? unknownProject,
    conversationId: run.conversation_id,
    messageId: run.message_id,
    agentId: run.agent_id,
    status: run.status,
    mode: run.mode ?? null,
    parentRunId: run.parent_run_id ?? null,
    rootRunId: run.root_run_id ?? run.parent_run_id ?? run.run_id,
    trigger: run.trigger ?? null,
    implementationKind: run.implementation_kind ?? null,
    workerKey: run.worker_key ?? null,
    sourceTarget: Target.source(run),
    runtimeTarget: Target.runtime(run),
    priority: run.priority ?? 0,
    concurrencyKey: run.concurrency_key ?? null,
    ...(run.concurrency_limit == null ? {} : { concurrencyLimit: run.concurrency_limit }),
    ...(run.limits === undefined ? {} : { limits: run.limits }),
    ...Fairness.fieldsOf(
      Fairness.fairnessOf({
        fairnessKey: run.fairness_key ?? undefined,
        fairnessWeight: run.fairness_weight ?? undefined,
      }),
    ),
    attempt: run.attempt ?? 0,
    maxAttempts: run.max_attempts ?? 1,
    latestEventId: run.latest_event_id,
    latestSequence: run.latest_external_event_sequence,
    lease:
      run.lease_owner == null || run.lease_expires_at == null
        ? null
        : {
            owner: run.lease_owner,
            epoch: run.lease_epoch ?? Run.LeaseEpoch.make(0),
            expiresAt: run.lease_expires_at,
          },
    leaseEpoch: run.lease_epoch ?? Run.LeaseEpoch.make(0),
    waiting: waitingOf(run),
    ...(run.budget == null ? {} : { budget: run.budget }),
    ...(run.ttl_seconds == null ? {} : { ttlSeconds: run.ttl_seconds }),
    ...(run.timeout_seconds == null ? {} : { timeoutSeconds: run.timeout_seconds }),
    ...(run.start_by == null ? {} : { startBy: run.start_by }),
    ...(run.timeout_at == null ? {} : { timeoutAt: run.timeout_at }),
    session: run.worker_session ?? null,
    labels: run.labels ?? Labels.none,
    batchId: run.batch_id ?? null,
    error: RunError.of(run),
    metadata: run.metadata ?? null,
    result: run.result ?? null,
    createdAt: run.created_at,
    updatedAt: run.updated_at ?? run.created_at,
    availableAt: run.available_at ?? run.created_at,
    startedAt: run.started_at ?? null,
    finishedAt: run.finished_at ?? null,
  }),
  encode: (run) => ({
    run_id: run.runId,
    conversation_id: run.conversationId,
    message_id: run.messageId,
    latest_event_id: run.latestEventId,
    latest_external_event_sequence: run.latestSequence,
    status: run.status,
    ...toolCallOf(run.waiting),
    agent_id: run.agentId,
    project_id: run.projectId,
    created_at: run.createdAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
    terminal_error_code: run.error?.code ?? null,
    terminal_error_message: run.error?.message ?? null,
    ...RunError.detailOf(run.error),
    ...Target.keys(run),
    runtime_target_release_version: run.runtimeTarget.releaseVersion,
    parent_run_id: run.parentRunId,
    updated_at: run.updatedAt,
    metadata: run.metadata ?? null,
    root_run_id: run.rootRunId,
    mode: run.mode,
    trigger: run.trigger,
    implementation_kind: run.implementationKind,
    worker_key: run.workerKey,
    priority: run.priority,
    concurrency_key: run.concurrencyKey,
    concurrency_limit: run.concurrencyLimit ?? null,
    ...(run.limits === undefined ? {} : { limits: run.limits }),
    fairness_key: run.fairnessKey ?? null,
    fairness_weight: run.fairnessWeight ?? null,
    available_at: run.availableAt,
    attempt: run.attempt,
    max_attempts: run.maxAttempts,
    lease_owner: run.lease?.owner ?? null,
    lease_epoch: run.leaseEpoch,
    lease_expires_at: run.lease?.expiresAt ?? null,
    waiting_expires_at: run.waiting?.expiresAt ?? null,
    waiting_interrupts: run.waiting?.interrupts ?? null,
    waiting_answers: run.waiting?.answers ?? null,
    wakes_at: run.waiting?.wakesAt ?? null,
    waiting_children: run.waiting?.children ?? null,
    waiting_taken_messages: run.waiting?.inbox ?? null,
    waiting_for_budget: run.waiting?.budget ?? null,
    budget: run.budget ?? null,
    ttl_seconds: run.ttlSeconds ?? null,
    timeout_seconds: run.timeoutSeconds ?? null,
    start_by: run.startBy ?? null,
    timeout_at: run.timeoutAt ?? null,
    result: run.result ?? null,
    worker_session: run.session,
    ...WireLabels.fields(run.labels),
    ...(run.batchId === null ? {} : { batch_id: run.batchId }),
  }),
}).annotations({ identifier: "ConversationRun" })

export { Trigger }
