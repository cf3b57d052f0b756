/** A run on the wire: as /runs and as its conversation show it, and its parts. */
import { Ids, Interrupt, Labels, ResumeRules, Run, type Runs, Schedule } from "@runlease/core"
import { DateTime, Either, Option, Schema, Struct } from "effect"
import { Timestamp, as, nullish, renamed, JsonObject } from "../Wire.js"
import * as Decoder from "./Decoder.js"
import * as Wire from "./Interrupt.js"
import * as WireLabels from "./Labels.js"
import { mirror } from "@runlease/core/Mirror"
import { WorkerSession } from "./Session.js"

// The two targets of a run, spread over keys of their own.

const targetText = Schema.NullOr(Schema.String)

/** As claims and conversations show them: every key, null or not. */
export const shownTargets = {
  source_target_kind: targetText,
  source_target_environment_id: targetText,
  source_target_branch_id: targetText,
  source_target_release_version: targetText,
  runtime_target_kind: targetText,
  runtime_target_environment_id: targetText,
  runtime_target_branch_id: targetText,
}

// A submission allows fewer kinds than another server may show.
const oneOf = (...kinds: ReadonlyArray<string>) =>
  Schema.String.pipe(
    Schema.filter((kind) => kinds.includes(kind), { message: () => `must be one of ${kinds.join(", ")}` }),
  )
const sourceKind = oneOf("project", "environment", "preview_branch", "release")
const runtimeKind = oneOf("main_branch", "environment", "preview_branch")

/** As a submission sends them. */
export const givenTargets = {
  source_target_kind: nullish(sourceKind),
  source_target_environment_id: nullish(Ids.Uuid),
  source_target_branch_id: nullish(Ids.Uuid),
  source_target_release_version: nullish(Ids.StorableText),
  runtime_target_kind: nullish(runtimeKind),
  runtime_target_environment_id: nullish(Ids.Uuid),
  runtime_target_branch_id: nullish(Ids.Uuid),
  runtime_target_release_version: nullish(Ids.StorableText),
}

type TargetText = string | null | undefined

interface TargetKeys {
  readonly source_target_kind?: TargetText
  readonly source_target_environment_id?: TargetText
  readonly source_target_branch_id?: TargetText
  readonly source_target_release_version?: TargetText
  readonly runtime_target_kind?: TargetText
  readonly runtime_target_environment_id?: TargetText
  readonly runtime_target_branch_id?: TargetText
  readonly runtime_target_release_version?: TargetText
}

export const sourceTarget = (keys: TargetKeys): Run.Target => ({
  kind: keys.source_target_kind ?? null,
  environmentId: keys.source_target_environment_id ?? null,
  branchId: keys.source_target_branch_id ?? null,
  releaseVersion: keys.source_target_release_version ?? null,
})

export const runtimeTarget = (keys: TargetKeys): Run.Target => ({
  kind: keys.runtime_target_kind ?? null,
  environmentId: keys.runtime_target_environment_id ?? null,
  branchId: keys.runtime_target_branch_id ?? null,
  releaseVersion: keys.runtime_target_release_version ?? null,
})

export const targetKeys = (run: {
  readonly sourceTarget: Run.Target
  readonly runtimeTarget: Run.Target
}) => ({
  source_target_kind: run.sourceTarget.kind,
  source_target_environment_id: run.sourceTarget.environmentId,
  source_target_branch_id: run.sourceTarget.branchId,
  source_target_release_version: run.sourceTarget.releaseVersion,
  runtime_target_kind: run.runtimeTarget.kind,
  runtime_target_environment_id: run.runtimeTarget.environmentId,
  runtime_target_branch_id: run.runtimeTarget.branchId,
})

export const runtimeTargetKeys = (target: Run.Target) => ({
  runtime_target_kind: target.kind,
  runtime_target_environment_id: target.environmentId,
  runtime_target_branch_id: target.branchId,
  runtime_target_release_version: target.releaseVersion,
})

// A run's status. Core's `waiting` reads `waiting_for_tool` in claims and conversations, and `waiting` on /runs.

const states = ["pending", "running", "waiting", "completed", "failed", "cancelled"] as const

/** As /runs says it. */
export const CanonicalStatus = Schema.Literal(...states)

/** As claims and conversations say it. */
export const ConversationStatus = as<Run.RunStatus>()(Schema.Literal("waiting_for_tool", ...states), {
  decode: (wire) => (wire === "waiting_for_tool" ? "waiting" : wire),
  encode: (status) => (status === "waiting" ? "waiting_for_tool" : status),
})

// Why a run failed, in the fields that an outcome and a run of a conversation have for it.

interface SentError {
  readonly terminal_error_code?: string | null | undefined
  readonly terminal_error_message?: string | null | undefined
  readonly terminal_error_detail?: unknown
}

/** The detail, which another server does not have; no field where there is none, since null is a detail. */
const detailOfError = (error: Run.RunError): { readonly terminal_error_detail?: unknown } =>
  error.detail === undefined ? {} : { terminal_error_detail: error.detail }

/** A code without a message is its own message. */
const errorOf = (sent: SentError): Run.RunError | null => {
  const code = sent.terminal_error_code ?? null
  const message = sent.terminal_error_message ?? code
  const detail = sent.terminal_error_detail
  return message === null ? null : { code, message, ...(detail === undefined ? {} : { detail }) }
}

// The outcome of a run.

export const Outcome = Schema.Struct({
  status: Run.TerminalStatus,
  metadata: nullish(JsonObject),
  terminal_error_code: nullish(Schema.String),
  terminal_error_message: nullish(Schema.String),
  terminal_error_detail: Schema.optional(Schema.Unknown).annotations({
    description:
      "(ours) The failure that the agent declares, as JSON; read where there is a code or a message",
  }),
  result: Schema.optional(Schema.Unknown).annotations({ description: "The value that the run returns" }),
  taken_messages: Schema.optional(Schema.NonNegativeInt).annotations({
    description: "(ours) How many messages the run has read; it does not end while others were sent to it",
  }),
})

/** A code without a message is its own message. */
export const toOutcome = (wire: typeof Outcome.Type): Runs.Outcome => ({
  status: wire.status,
  error: errorOf(wire) ?? undefined,
  metadata: wire.metadata,
  ...(wire.result === undefined ? {} : { result: wire.result }),
})

export const fromOutcome = (
  { error, metadata, result, status }: Runs.Outcome,
  takenMessages?: number,
): typeof Outcome.Type => ({
  status,
  metadata,
  terminal_error_code: error?.code,
  terminal_error_message: error?.message,
  ...(error === undefined ? {} : detailOfError(error)),
  result,
  ...(takenMessages === undefined ? {} : { taken_messages: takenMessages }),
})

// A run as its conversation shows it. It holds all that core knows of a run, so it reads back as one.

const Trigger = renamed({
  conversationId: Ids.ConversationId,
  messageId: Ids.MessageId,
  toolCallId: Ids.StorableText,
})

/** Another server may not send a run's project. */
const unknownProject = Ids.ProjectId.make("00000000-0000-0000-0000-000000000000")

/** Every one of these keys is there, null or not. */
const shown = mirror(
  Struct.pick(
    Run.Run.fields,
    "runId",
    "conversationId",
    "messageId",
    "latestEventId",
    "agentId",
    "createdAt",
    "startedAt",
    "finishedAt",
    "parentRunId",
    "mode",
    "implementationKind",
    "workerKey",
    "versionPolicy",
    "version",
    "concurrencyKey",
    "concurrencyLimit",
    "fairnessKey",
    "fairnessWeight",
    "budget",
    "ttlSeconds",
    "timeoutSeconds",
    "startBy",
    "timeoutAt",
  ),
  "null",
)

/** The rest, without those that the wire has in another form: a key is there where the run has a value. */
const further = mirror(
  Struct.omit(
    Run.Run.fields,
    ...shown.names,
    "projectId",
    "status",
    "latestSequence",
    "rootRunId",
    "trigger",
    "sourceTarget",
    "runtimeTarget",
    "priority",
    "attempt",
    "maxAttempts",
    "lease",
    "leaseEpoch",
    "waiting",
    "session",
    "labels",
    "error",
    "metadata",
    "result",
    "updatedAt",
    "availableAt",
  ),
  "absent",
)

const wire = Schema.Struct({
  ...shown.fields,
  ...further.fields,
  latest_external_event_sequence: Run.Sequence,
  status: ConversationStatus,
  waiting_tool_call_id: nullish(Schema.String),
  waiting_tool_name: nullish(Schema.String),
  project_id: Schema.NullOr(Ids.ProjectId),
  terminal_error_code: nullish(Schema.String),
  terminal_error_message: nullish(Schema.String),
  terminal_error_detail: Schema.optional(Schema.Unknown).annotations({
    description: "(ours) The failure that the agent declares, as JSON; absent where there is none",
  }),
  ...givenTargets,
  updated_at: nullish(Timestamp),
  metadata: Schema.optional(Schema.Unknown),
  root_run_id: nullish(Ids.RunId),
  trigger: nullish(Trigger),
  priority: nullish(Schema.Int),
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
  start_by: nullish(Timestamp).annotations({
    description: "(ours) When the run is cancelled if no worker claims it before",
  }),
  timeout_at: nullish(Timestamp).annotations({
    description: "(ours) When the run reaches its timeout if its lease lasts until then",
  }),
  result: Schema.optional(Schema.Unknown),
  worker_session: nullish(WorkerSession),
  labels: WireLabels.someOfRun,
})

/** Another server sends one tool call, and when the wait for it ends. */
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

const noToolCall = { waiting_tool_call_id: null, waiting_tool_name: null }

/** The first that is open, in the words of one who knows tool calls alone. */
const toolCallOf = (waiting: Run.Waiting) => {
  const first = ResumeRules.open(waiting)[0]
  return {
    waiting_tool_call_id: first === undefined ? null : (first.toolCallId ?? first.id),
    waiting_tool_name: first === undefined ? null : (first.toolName ?? first.reason),
  }
}

/** A key that is optional may be missing from another server. */
export const ConversationRun = as<Run.Run>()(wire, {
  decode: (run) => ({
    ...shown.decode(run),
    ...further.decode(run),
    projectId: run.project_id ?? unknownProject,
    status: run.status,
    latestSequence: run.latest_external_event_sequence,
    rootRunId: run.root_run_id ?? run.parent_run_id ?? run.run_id,
    trigger: run.trigger ?? null,
    sourceTarget: sourceTarget(run),
    runtimeTarget: runtimeTarget(run),
    priority: run.priority ?? 0,
    attempt: run.attempt ?? 0,
    maxAttempts: run.max_attempts ?? 1,
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
    session: run.worker_session ?? null,
    labels: run.labels ?? Labels.none,
    error: errorOf(run),
    metadata: run.metadata ?? null,
    result: run.result ?? null,
    updatedAt: run.updated_at ?? run.created_at,
    availableAt: run.available_at ?? run.created_at,
  }),
  encode: (run) => ({
    ...shown.encode(run),
    ...further.encode(run),
    project_id: run.projectId,
    status: run.status,
    latest_external_event_sequence: run.latestSequence,
    ...(run.waiting === null ? noToolCall : toolCallOf(run.waiting)),
    terminal_error_code: run.error?.code ?? null,
    terminal_error_message: run.error?.message ?? null,
    ...(run.error === null ? {} : detailOfError(run.error)),
    ...targetKeys(run),
    runtime_target_release_version: run.runtimeTarget.releaseVersion,
    updated_at: run.updatedAt,
    metadata: run.metadata ?? null,
    root_run_id: run.rootRunId,
    trigger: run.trigger,
    priority: run.priority,
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
    result: run.result ?? null,
    worker_session: run.session,
    ...(Labels.isEmpty(run.labels) ? {} : { labels: run.labels }),
  }),
}).annotations({ identifier: "ConversationRun" })

export { Trigger }

// A run as /runs shows it: one shape for every kind of run, of which agents are one.

const nullableText = Schema.NullOr(Schema.String)
const integer = Schema.NullOr(Schema.Int)
const instant = Schema.NullOr(Timestamp)

const RuntimeTargetKind = Schema.Literal("main_branch", "environment", "preview_branch")

/**
 * All 33 keys, always, and `labels` (ours) where the run has some. `config` is what its conversation shows of the run, which other servers leave open, without the result, the
 * metadata and the detail of the error, which are `output`, `metadata` and `error.detail`.
 */
export const CanonicalRun = Schema.Struct({
  run_id: Ids.RunId,
  kind: Schema.String,
  status: CanonicalStatus,
  owner: Schema.Struct({ kind: Schema.String, id: Schema.String }),
  root_run_id: Schema.String,
  parent_run_id: nullableText,
  waiting_reason: nullableText,
  target: nullableText,
  workflow_id: nullableText,
  schedule_id: nullableText,
  batch_id: nullableText,
  runtime_target_kind: Schema.NullOr(RuntimeTargetKind),
  runtime_target_environment_id: nullableText,
  runtime_target_branch_id: nullableText,
  logs: nullableText,
  start_mode: nullableText,
  trigger_kind: Schema.NullOr(Schema.Literal("manual", "schedule", "webhook", "api")),
  trigger_id: nullableText,
  created_by: nullableText,
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
  labels: WireLabels.someOfRun,
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
  encodeConversationRun({
    ...run,
    result: null,
    metadata: null,
    labels: {},
    error: run.error && withoutDetail(run.error),
  })

const withoutDetail = (error: Run.RunError): Run.RunError =>
  error.detail === undefined ? error : { code: error.code, message: error.message }

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
  ...(Labels.isEmpty(run.labels) ? {} : { labels: run.labels }),
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
export const toRun = (canonical: CanonicalRun): Option.Option<Run.Run> => {
  const shown = Decoder.decode(ConversationRun, canonical.config)
  if (Either.isLeft(shown)) return Option.none()
  const run = shown.right
  return Option.some({
    ...run,
    result: canonical.output ?? run.result,
    metadata: canonical.metadata ?? run.metadata,
    labels: canonical.labels ?? run.labels,
    error:
      run.error === null || canonical.error?.detail === undefined
        ? run.error
        : { ...run.error, detail: canonical.error.detail },
  })
}
