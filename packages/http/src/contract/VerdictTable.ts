/** The table of verdicts: how each error of the ports becomes a refusal, and how a refusal is read as that error. */
import {
  type Access,
  BrowserToken,
  BulkOperations,
  Callbacks,
  Conversations,
  Leases,
  Limits,
  Page,
  Rollouts,
  Run,
  RunLog,
  Runs,
  Schedules,
  Secrets,
  Webhooks,
  WebhookSources,
  WorkerRegistry,
} from "@runlease/core"
import { snakeCase } from "@runlease/core/SnakeCase"
import { Effect, Option, Schema } from "effect"
import * as Refusal from "./Refusal.js"
import { camelCase, type ErrorOf, type Tag, type Verdict } from "./Verdict.js"

/** Other servers send these texts without a code, and their clients compare them. */
const details = {
  cursorMismatch: "External run event cursor mismatch",
  ended: "Cannot append external events to a terminal run",
  waiting: "Cannot append external events while the run is waiting for a tool result",
} as const

const decodeReason = Schema.decodeUnknownOption(RunLog.EventRefused.fields.reason)
const decodeChildReason = Schema.decodeUnknownOption(Leases.ChildRefused.fields.reason)
const decodeStatus = Schema.decodeUnknownOption(Run.TerminalStatus)

/** A key that has ended authenticates no caller. */
const endedKey: Omit<Verdict<Access.KeyExpired | Access.KeyRevoked>, "decode"> = {
  status: 401,
  codes: [],
  headers: Refusal.challenge,
  encode: ({ message }) => ({ error: "unauthorized", detail: message }),
}

/** A field that is refused has its name on the wire there, and its name in core here. */
const ofField = <E extends { readonly field: string; readonly message: string }>(
  code: string,
  Invalid: new (fields: { readonly field: string; readonly message: string }) => E,
  onWire: (field: string) => string = snakeCase,
): Verdict<E> => ({
  status: 422,
  codes: [code, "invalid_request"],
  encode: ({ field, message }) => ({
    error: code,
    detail: `${onWire(field)}: ${message}`,
    field: onWire(field),
  }),
  decode: ({ detail, field = "" }) => {
    const message = detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail
    return Effect.succeed(new Invalid({ field: camelCase(field), message }))
  },
})

export const verdicts: { readonly [T in Tag]: Verdict<ErrorOf<T>> } = {
  ScheduleNotFound: {
    status: 404,
    codes: ["schedule_not_found"],
    encode: ({ message }) => ({ error: "schedule_not_found", detail: message, field: "schedule_id" }),
    decode: (_, { scheduleId = "" }) => Effect.succeed(new Schedules.ScheduleNotFound({ scheduleId })),
  },
  InvalidSchedule: ofField("invalid_schedule", Schedules.InvalidSchedule),
  RevisionMismatch: {
    status: 412,
    codes: ["revision_mismatch"],
    encode: ({ message, revision }) => ({ error: "revision_mismatch", detail: message, revision }),
    decode: ({ revision }, { scheduleId = "" }) =>
      revision === undefined
        ? undefined
        : Effect.succeed(new Schedules.RevisionMismatch({ scheduleId, revision })),
  },
  ScheduleOfSource: {
    status: 409,
    codes: ["schedule_of_source"],
    encode: ({ message, source }) => ({ error: "schedule_of_source", detail: message, source }),
    decode: ({ source = "" }, { scheduleId = "" }) =>
      Effect.succeed(new Schedules.ScheduleOfSource({ scheduleId, source })),
  },
  EndpointNotFound: {
    status: 404,
    codes: ["webhook_endpoint_not_found"],
    encode: ({ message }) => ({ error: "webhook_endpoint_not_found", detail: message, field: "endpoint_id" }),
    decode: (_, { endpointId = "" }) => Effect.succeed(new Webhooks.EndpointNotFound({ endpointId })),
  },
  DeliveryNotFound: {
    status: 404,
    codes: ["webhook_delivery_not_found"],
    encode: ({ message }) => ({ error: "webhook_delivery_not_found", detail: message, field: "delivery_id" }),
    decode: (_, { deliveryId = "" }) => Effect.succeed(new Webhooks.DeliveryNotFound({ deliveryId })),
  },
  // Names of labels stay as they are.
  InvalidEndpoint: ofField("invalid_webhook_endpoint", Webhooks.InvalidEndpoint, (field) =>
    field.startsWith("labels.") ? field : snakeCase(field),
  ),
  SourceNotFound: {
    status: 404,
    codes: ["webhook_source_not_found"],
    encode: ({ message }) => ({ error: "webhook_source_not_found", detail: message, field: "source_name" }),
    decode: (_, { sourceName = "" }) =>
      Effect.succeed(new WebhookSources.SourceNotFound({ name: sourceName })),
  },
  InvalidSource: ofField("invalid_webhook_source", WebhookSources.InvalidSource),
  RolloutNotFound: {
    status: 404,
    codes: ["rollout_not_found"],
    encode: ({ message }) => ({ error: "rollout_not_found", detail: message, field: "agent_id" }),
    decode: (_, { agentId = "" }) => Effect.succeed(new Rollouts.RolloutNotFound({ agentId })),
  },
  InvalidRollout: ofField("invalid_rollout", Rollouts.InvalidRollout),
  SecretsUnavailable: {
    status: 422,
    codes: ["secrets_unavailable"],
    encode: ({ message }) => ({ error: "secrets_unavailable", detail: message }),
    decode: ({ detail }) => Effect.succeed(new Secrets.SecretsUnavailable({ message: detail })),
  },
  BulkNotFound: {
    status: 404,
    codes: ["bulk_not_found"],
    encode: ({ message }) => ({ error: "bulk_not_found", detail: message, field: "bulk_id" }),
    decode: (_, { bulkId = "" }) => Effect.succeed(new BulkOperations.BulkNotFound({ bulkId })),
  },
  // Names of labels stay as they are.
  InvalidBulk: ofField("invalid_bulk", BulkOperations.InvalidBulk, (field) =>
    field.startsWith("labels.") ? field : snakeCase(field),
  ),
  InvalidLimit: {
    status: 422,
    codes: ["invalid_limit", "invalid_request"],
    encode: ({ field, message }) => ({
      error: "invalid_limit",
      detail: message.replace(field, snakeCase(field)),
      field: snakeCase(field),
    }),
    decode: ({ detail, field = "" }) => {
      const name = camelCase(field)
      return Effect.succeed(new Limits.InvalidLimit({ field: name, message: detail.replace(field, name) }))
    },
  },
  TooManyPending: {
    status: 429,
    codes: ["too_many_pending"],
    headersOf: ({ retryAfterSeconds }) => Refusal.retryAfter(retryAfterSeconds * 1000),
    encode: ({ key, maxPending, message, name, retryAfterSeconds }) => ({
      error: "too_many_pending",
      detail: message,
      field: `limits.${name}`,
      limit: { name, key, max_pending: maxPending },
      retry_after_seconds: retryAfterSeconds,
    }),
    // Another refusal of this status is about the caller.
    decode: ({ limit, retry_after_seconds: retryAfterSeconds }) =>
      limit === undefined || retryAfterSeconds === undefined
        ? undefined
        : Effect.succeed(
            new Runs.TooManyPending({
              name: limit.name,
              key: limit.key,
              maxPending: limit.max_pending,
              retryAfterSeconds,
            }),
          ),
  },
  LimitNotFound: {
    status: 404,
    codes: ["limit_not_found"],
    encode: ({ message }) => ({ error: "limit_not_found", detail: message, field: "limit_name" }),
    decode: (_, { limitName = "" }) => Effect.succeed(new Limits.LimitNotFound({ name: limitName })),
  },
  CallbackRefused: ofField("callback_refused", Callbacks.CallbackRefused),
  InvalidBrowserToken: ofField("invalid_token", BrowserToken.InvalidBrowserToken),
  KeyNotFound: {
    status: 404,
    codes: ["key_not_found"],
    encode: ({ message }) => ({ error: "key_not_found", detail: message, field: "key_id" }),
  },
  KeyRevoked: endedKey,
  KeyExpired: endedKey,
  ProjectExists: {
    status: 409,
    codes: ["project_exists"],
    encode: ({ message }) => ({ error: "project_exists", detail: message, field: "slug" }),
  },
  ProjectNotFound: {
    status: 404,
    codes: ["project_not_found"],
    encode: ({ message }) => ({ error: "project_not_found", detail: message, field: "project_reference" }),
  },
  ConversationNotFound: {
    status: 404,
    codes: ["conversation_not_found"],
    encode: ({ message }) => ({ error: "conversation_not_found", detail: message, field: "conversation_id" }),
    decode: (_, { conversationId }) =>
      conversationId === undefined
        ? undefined
        : Effect.succeed(new Conversations.ConversationNotFound({ conversationId })),
  },
  ConversationInUse: {
    status: 409,
    codes: ["conversation_in_use"],
    encode: ({ message, runId }) => ({ error: "conversation_in_use", detail: message, run_id: runId }),
    decode: ({ run_id: runId = "" }, { conversationId = "" }) =>
      Effect.succeed(new Conversations.ConversationInUse({ conversationId, runId })),
  },
  BranchRefused: {
    status: 422,
    codes: ["branch_no_message", "branch_too_large"],
    encode: ({ message, reason }) => ({ error: `branch_${reason}`, detail: message, field: "message_id" }),
    decode: ({ error }, { conversationId = "", messageId = "" }) =>
      Effect.succeed(
        new Conversations.BranchRefused({
          conversationId,
          messageId,
          reason: error === "branch_too_large" ? "too_large" : "no_message",
        }),
      ),
  },
  RunNotFound: {
    status: 404,
    codes: ["run_not_found"],
    encode: ({ message }) => ({ error: "run_not_found", detail: message, field: "run_id" }),
    decode: (_, { runId = "" }) => Effect.succeed(new Run.RunNotFound({ runId })),
  },
  WorkerNotFound: {
    status: 404,
    codes: ["worker_not_found"],
    encode: ({ message }) => ({ error: "worker_not_found", detail: message, field: "worker_id" }),
    decode: (_, { workerId = "" }) => Effect.succeed(new WorkerRegistry.WorkerNotFound({ workerId })),
  },
  InvalidCursor: {
    status: 400,
    codes: ["invalid_cursor"],
    encode: ({ message }) => ({ error: "invalid_cursor", detail: message, field: "cursor" }),
    decode: (_, { cursor }) =>
      cursor === undefined ? undefined : Effect.succeed(new Page.InvalidCursor({ cursor })),
  },
  InvalidSubmission: {
    status: 400,
    codes: ["invalid_request", "invalid_payload"],
    encode: ({ field, message }) => {
      const name = field === "publicId" ? "public_id" : field
      return {
        error: "invalid_request",
        detail: message.replace(field, name),
        ...(field === "" ? {} : { field: name }),
      }
    },
    decode: ({ detail, field = "" }) => {
      const name = field === "public_id" ? "publicId" : field
      return Effect.succeed(new Runs.InvalidSubmission({ field: name, message: detail }))
    },
  },
  LabelsRefused: {
    status: 422,
    codes: ["labels_refused", "invalid_request"],
    encode: ({ field, message }) => ({ error: "labels_refused", detail: message, field }),
    decode: ({ detail, field = "labels" }) =>
      Effect.succeed(new Runs.LabelsRefused({ field, message: detail })),
  },
  SubmissionConflict: {
    status: 409,
    codes: ["submission_conflict"],
    encode: ({ message }) => ({ error: "submission_conflict", detail: message, field: "public_id" }),
    decode: (_, { publicId = "" }) => Effect.succeed(new Runs.SubmissionConflict({ publicId })),
  },
  ConversationBusy: {
    status: 409,
    codes: ["conversation_busy"],
    encode: ({ message, runId }) => ({ error: "conversation_busy", detail: message, run_id: runId }),
    decode: ({ run_id: runId = "" }) => Effect.succeed(new Runs.ConversationBusy({ runId })),
  },
  RunUnfinished: {
    status: 409,
    codes: ["run_unfinished"],
    encode: ({ message, status }) => ({ error: "run_unfinished", detail: message, status }),
    decode: ({ status = "" }, { runId = "" }) => Effect.succeed(new Runs.RunUnfinished({ runId, status })),
  },
  NotWaiting: {
    status: 409,
    codes: ["not_waiting", "answered_otherwise"],
    encode: ({ answered, interruptId, message, open }) => ({
      error: answered ? "answered_otherwise" : "not_waiting",
      detail: message,
      interrupt_id: interruptId,
      ...(open === undefined ? {} : { open_interrupt_ids: open }),
    }),
    decode: ({ error, interrupt_id, open_interrupt_ids: open }, { interruptId = "", runId = "" }) =>
      Effect.succeed(
        new Runs.NotWaiting({
          runId,
          interruptId: interrupt_id ?? interruptId,
          answered: error === "answered_otherwise",
          ...(open === undefined ? {} : { open }),
        }),
      ),
  },
  AnswerRefused: {
    status: 422,
    codes: ["answer_refused"],
    encode: ({ field, interruptId, message }) => ({
      error: "answer_refused",
      detail: `${field}: ${message}`,
      field,
      interrupt_id: interruptId,
    }),
    decode: ({ detail, field = "", interrupt_id: interruptId = "" }, { runId = "" }) =>
      Effect.succeed(
        new Runs.AnswerRefused({
          runId,
          interruptId,
          field,
          message: detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail,
        }),
      ),
  },
  ChildRefused: {
    status: 409,
    codes: ["child_depth", "child_too_many", "child_lane"],
    encode: ({ message, reason }) => ({ error: `child_${reason}`, detail: message }),
    decode: ({ detail, error }) =>
      Option.match(decodeChildReason(error.replace(/^child_/, "")), {
        onNone: () => undefined,
        onSome: (reason) => Effect.succeed(new Leases.ChildRefused({ reason, message: detail })),
      }),
  },
  SuspensionRefused: {
    status: 400,
    codes: ["suspension_refused"],
    encode: ({ message }) => ({
      error: "suspension_refused",
      detail: message,
      field: message.slice(0, message.indexOf(":")),
    }),
    decode: ({ detail }) => Effect.succeed(new Leases.SuspensionRefused({ message: detail })),
  },
  InboxNotEmpty: {
    status: 409,
    codes: ["inbox_not_empty"],
    encode: ({ inbox, message }) => ({ error: "inbox_not_empty", detail: message, inbox }),
    decode: ({ inbox = 0 }, { runId = "" }) => Effect.succeed(new Leases.InboxNotEmpty({ runId, inbox })),
  },
  EditRefused: { ...ofField("edit_refused", Runs.EditRefused), codes: ["edit_refused"] },
  ForkRefused: {
    status: 409,
    codes: ["fork_no_event", "fork_too_large"],
    encode: ({ message, reason }) => ({ error: `fork_${reason}`, detail: message, field: "after_event_id" }),
    decode: ({ error }, { after = 0, runId = "" }) =>
      Effect.succeed(
        new Runs.ForkRefused({ runId, after, reason: error === "fork_no_event" ? "no_event" : "too_large" }),
      ),
  },
  RetryRefused: {
    status: 409,
    codes: ["retry_too_large"],
    encode: ({ message, reason }) => ({ error: `retry_${reason}`, detail: message }),
    decode: (_, { runId = "" }) => Effect.succeed(new Runs.RetryRefused({ runId, reason: "too_large" })),
  },
  MessageRefused: {
    status: 409,
    codes: ["message_too_large", "message_too_many"],
    encode: ({ message, reason, runId }) => ({
      error: `message_${reason}`,
      detail: message,
      run_id: runId,
    }),
    decode: ({ error, run_id: refusedId }, { runId = "" }) =>
      Effect.succeed(
        new Runs.MessageRefused({
          runId: refusedId ?? runId,
          reason: error === "message_too_many" ? "too_many" : "too_large",
        }),
      ),
  },
  LeaseLost: {
    status: 403,
    codes: ["lease_lost"],
    encode: ({ message }) => ({ error: "lease_lost", detail: message }),
    decode: (_, { runId = "", workerId }) =>
      workerId === undefined ? undefined : Effect.succeed(new Run.LeaseLost({ runId, workerId })),
  },
  RunEnded: {
    status: 400,
    codes: ["run_ended"],
    matches: (detail) => detail === details.ended,
    encode: ({ status }) => ({ error: "run_ended", detail: details.ended, status }),
    decode: (body, { readRun, runId = "" }) =>
      Option.match(decodeStatus(body.status), {
        onSome: (status) => Effect.succeed(new Run.RunEnded({ runId, status })),
        onNone: () =>
          readRun &&
          Effect.map(
            readRun,
            ({ status }) =>
              new Run.RunEnded({ runId, status: Run.isTerminal(status) ? status : "completed" }),
          ),
      }),
  },
  RunWaiting: {
    status: 400,
    codes: ["run_waiting"],
    matches: (detail) => detail === details.waiting,
    encode: () => ({ error: "run_waiting", detail: details.waiting }),
    decode: (_, { runId = "" }) => Effect.succeed(new RunLog.RunWaiting({ runId })),
  },
  CursorMismatch: {
    status: 400,
    codes: ["cursor_mismatch"],
    matches: (detail) => detail === details.cursorMismatch,
    encode: ({ latestEventId, latestSequence }) => ({
      error: "cursor_mismatch",
      detail: details.cursorMismatch,
      latest_event_id: latestEventId,
      latest_external_event_sequence: latestSequence,
    }),
    decode: (
      { latest_event_id: latestEventId, latest_external_event_sequence: latestSequence },
      { readRun, runId = "" },
    ) =>
      latestEventId !== undefined && latestSequence !== undefined
        ? Effect.succeed(new RunLog.CursorMismatch({ runId, latestEventId, latestSequence }))
        : readRun &&
          Effect.map(
            readRun,
            (run) =>
              new RunLog.CursorMismatch({
                runId,
                latestEventId: run.latestEventId,
                latestSequence: run.latestSequence,
              }),
          ),
  },
  EventRefused: {
    status: 400,
    codes: ["event_malformed", "event_too_large", "event_terminal", "event_batch_size", "event_reserved"],
    matches: (detail) => detail.includes("payload must be less than"),
    encode: ({ index, message, reason }) => ({
      error: `event_${reason}`,
      detail: message,
      field: reason === "batch_size" ? "events" : `events.${index}`,
    }),
    decode: ({ detail, error, field = "" }) =>
      Effect.succeed(
        new RunLog.EventRefused({
          index: Number(/\d+/.exec(field)?.[0] ?? 0),
          // Other servers say no more than that an event is too large.
          reason: Option.getOrElse(decodeReason(error.replace(/^event_/, "")), () => "too_large" as const),
          message: detail,
        }),
      ),
  },
}
