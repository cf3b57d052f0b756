import { describe, expect, it } from "@effect/vitest"
import { assertEquals, deepStrictEqual } from "@effect/vitest/utils"
import {
  Access,
  BrowserToken,
  BulkOperations,
  ControlPlaneError,
  ControlPlaneUnavailable as Unavailable,
  Conversations,
  Limits,
  Page,
  Run,
  RunLog,
  Runs,
  Schedules,
  Secrets,
  Webhooks,
  WorkerRegistry,
} from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect } from "effect"
import * as Refusal from "../src/contract/Refusal.js"
import type { Tag } from "../src/contract/Verdict.js"
import * as Verdicts from "../src/contract/Verdicts.js"

const runId = "run-1"
const workerId = "worker-1"
const scheduleId = "schedule-1"
const bulkId = "bulk-1"

/** Every error of the ports with its status, code, detail, and what else its refusal has. */
const wire: ReadonlyArray<
  readonly [error: Verdicts.PortError, status: number, code: string, detail: string, rest?: object]
> = [
  [
    new Access.KeyNotFound({ keyId: "key-1" }),
    404,
    "key_not_found",
    "API key key-1 does not exist",
    { field: "key_id" },
  ],
  [
    new Access.KeyRevoked({ keyId: "key-1" }),
    401,
    "unauthorized",
    "API key key-1 was revoked; use another key",
  ],
  [
    new Access.KeyExpired({ keyId: "key-1" }),
    401,
    "unauthorized",
    "API key key-1 has expired; use another key",
  ],
  [
    new Access.ProjectExists({ slug: "shop" }),
    409,
    "project_exists",
    "Project shop exists",
    { field: "slug" },
  ],
  [
    new Access.ProjectNotFound({ reference: "shop" }),
    404,
    "project_not_found",
    "Project shop does not exist",
    { field: "project_reference" },
  ],
  [
    new Conversations.ConversationNotFound({ conversationId: "conversation-1" }),
    404,
    "conversation_not_found",
    "Conversation conversation-1 does not exist",
    { field: "conversation_id" },
  ],
  [
    new Page.InvalidCursor({ cursor: "1.2" }),
    400,
    "invalid_cursor",
    "The cursor is not one that this list gave; leave it out to begin with the first page",
    { field: "cursor" },
  ],
  [
    new Run.LeaseLost({ runId, workerId }),
    403,
    "lease_lost",
    "Worker worker-1 does not hold the lease of run run-1",
  ],
  [
    new Run.RunEnded({ runId, status: "failed" }),
    400,
    "run_ended",
    "Cannot append external events to a terminal run",
    { status: "failed" },
  ],
  [new Run.RunNotFound({ runId }), 404, "run_not_found", "Run run-1 does not exist", { field: "run_id" }],
  [
    new RunLog.CursorMismatch({ runId, latestEventId: 7, latestSequence: 3 }),
    400,
    "cursor_mismatch",
    "External run event cursor mismatch",
    { latest_event_id: 7, latest_external_event_sequence: 3 },
  ],
  [
    new RunLog.EventRefused({ index: 2, reason: "malformed", message: "no type" }),
    400,
    "event_malformed",
    "no type",
    { field: "events.2" },
  ],
  [
    new RunLog.EventRefused({ index: 2, reason: "too_large", message: "too large" }),
    400,
    "event_too_large",
    "too large",
    { field: "events.2" },
  ],
  [
    new RunLog.EventRefused({ index: 1, reason: "terminal", message: "ends the run" }),
    400,
    "event_terminal",
    "ends the run",
    { field: "events.1" },
  ],
  [
    new RunLog.EventRefused({ index: 0, reason: "batch_size", message: "too many" }),
    400,
    "event_batch_size",
    "too many",
    { field: "events" },
  ],
  [
    new RunLog.RunWaiting({ runId }),
    400,
    "run_waiting",
    "Cannot append external events while the run is waiting for a tool result",
  ],
  [
    new Runs.InvalidSubmission({ field: "priority", message: "too high" }),
    400,
    "invalid_request",
    "too high",
    { field: "priority" },
  ],
  [new Runs.InvalidSubmission({ field: "", message: "malformed" }), 400, "invalid_request", "malformed"],
  [
    new Runs.NotWaiting({ runId, interruptId: "call-1", answered: false, open: ["call-2", "call-3"] }),
    409,
    "not_waiting",
    "Run run-1 is not waiting for an answer to call-1; it waits for call-2, call-3",
    { interrupt_id: "call-1", open_interrupt_ids: ["call-2", "call-3"] },
  ],
  [
    new Runs.AnswerRefused({
      runId,
      interruptId: "call-1",
      field: "payload.editedArgs",
      message: "this question allows no edits",
    }),
    422,
    "answer_refused",
    "payload.editedArgs: this question allows no edits",
    { field: "payload.editedArgs", interrupt_id: "call-1" },
  ],
  [
    new Runs.NotWaiting({ runId, interruptId: "call-1", answered: true }),
    409,
    "answered_otherwise",
    "Run run-1 was given another answer to call-1",
    { interrupt_id: "call-1" },
  ],
  [
    new Runs.SubmissionConflict({ publicId: "report-1" }),
    409,
    "submission_conflict",
    "Run report-1 exists with another request; choose another public id",
    { field: "public_id" },
  ],
  [
    new BrowserToken.InvalidBrowserToken({ field: "agentIds", message: "must be at most 8 agents" }),
    422,
    "invalid_token",
    "agent_ids: must be at most 8 agents",
    { field: "agent_ids" },
  ],
  [
    new Webhooks.EndpointNotFound({ endpointId: "endpoint-1" }),
    404,
    "webhook_endpoint_not_found",
    "Webhook endpoint endpoint-1 does not exist",
    { field: "endpoint_id" },
  ],
  [
    new Webhooks.DeliveryNotFound({ deliveryId: "msg_1" }),
    404,
    "webhook_delivery_not_found",
    "Webhook delivery msg_1 does not exist",
    { field: "delivery_id" },
  ],
  [
    new Webhooks.InvalidEndpoint({ field: "agentIds", message: "must name an agent" }),
    422,
    "invalid_webhook_endpoint",
    "agent_ids: must name an agent",
    { field: "agent_ids" },
  ],
  [
    new Secrets.SecretsUnavailable({ message: "Set RUNLEASE_SECRET_KEY" }),
    422,
    "secrets_unavailable",
    "Set RUNLEASE_SECRET_KEY",
  ],
  [
    new BulkOperations.BulkNotFound({ bulkId }),
    404,
    "bulk_not_found",
    "Bulk operation bulk-1 does not exist",
    { field: "bulk_id" },
  ],
  [
    new BulkOperations.InvalidBulk({ field: "runIds", message: "must be 1 to 1000 ids" }),
    422,
    "invalid_bulk",
    "run_ids: must be 1 to 1000 ids",
    { field: "run_ids" },
  ],
  [
    new Schedules.ScheduleNotFound({ scheduleId }),
    404,
    "schedule_not_found",
    "Schedule schedule-1 does not exist",
    { field: "schedule_id" },
  ],
  [
    new Schedules.InvalidSchedule({ field: "schedules.0.startsAt", message: "starts after its end" }),
    422,
    "invalid_schedule",
    "schedules.0.starts_at: starts after its end",
    { field: "schedules.0.starts_at" },
  ],
  [
    new Schedules.RevisionMismatch({ scheduleId, revision: 3 }),
    412,
    "revision_mismatch",
    "Schedule schedule-1 has revision 3 now; read it again",
    { revision: 3 },
  ],
  [
    new Schedules.ScheduleOfSource({ scheduleId, source: "shop" }),
    409,
    "schedule_of_source",
    "Schedule schedule-1 is declared by source shop; change it there, and apply it",
    { source: "shop" },
  ],
  [
    new Limits.LimitNotFound({ name: "gpu" }),
    404,
    "limit_not_found",
    "There is no limit gpu",
    { field: "limit_name" },
  ],
  [
    new Limits.InvalidLimit({ field: "rate.periodSeconds", message: "rate.periodSeconds: is too long" }),
    422,
    "invalid_limit",
    "rate.period_seconds: is too long",
    { field: "rate.period_seconds" },
  ],
  [
    new Runs.TooManyPending({ name: "api", key: "eu", maxPending: 100, retryAfterSeconds: 12 }),
    429,
    "too_many_pending",
    "Limit api takes no further run of eu for now: 100 may wait for their start",
    {
      field: "limits.api",
      limit: { name: "api", key: "eu", max_pending: 100 },
      retry_after_seconds: 12,
    },
  ],
  [
    new WorkerRegistry.WorkerNotFound({ workerId }),
    404,
    "worker_not_found",
    "Worker worker-1 does not exist; register it again",
    { field: "worker_id" },
  ],
  [
    new ControlPlaneError.ControlPlaneRefused({ operation: "Runs.get", message: "secret-host refused" }),
    503,
    "unavailable",
    "The control plane is not available now; try again later",
  ],
  [
    new ControlPlaneError.ControlPlaneUnsupported({ operation: "Runs.get", message: "secret-host has none" }),
    503,
    "unavailable",
    "The control plane is not available now; try again later",
  ],
  [
    new Unavailable.ControlPlaneUnavailable({ operation: "Runs.get", message: "secret-host is down" }),
    503,
    "unavailable",
    "The control plane is not available now; try again later",
  ],
]

const appendErrors = [
  "RunNotFound",
  "LeaseLost",
  "RunEnded",
  "RunWaiting",
  "CursorMismatch",
  "EventRefused",
] as const

const about = {
  runId,
  workerId,
  conversationId: "conversation-1",
  publicId: "report-1",
  interruptId: "call-1",
  cursor: "1.2",
  scheduleId,
  limitName: "gpu",
  bulkId,
  endpointId: "endpoint-1",
  deliveryId: "msg_1",
}

/** What each method of the ports can fail with, apart from the control plane that does not answer. */
const calls: ReadonlyArray<{ readonly operation: string; readonly expected: ReadonlyArray<Tag> }> = [
  { operation: "BrowserTokens.issue", expected: ["InvalidBrowserToken"] },
  { operation: "Claims.claim", expected: ["WorkerNotFound"] },
  { operation: "Conversations.get", expected: ["ConversationNotFound"] },
  { operation: "Conversations.messages", expected: ["ConversationNotFound", "InvalidCursor"] },
  { operation: "Leases.release", expected: ["RunNotFound", "LeaseLost"] },
  { operation: "Leases.complete", expected: ["RunNotFound", "LeaseLost", "EventRefused", "CursorMismatch"] },
  { operation: "RunLog.append", expected: appendErrors },
  {
    operation: "Runs.submit",
    expected: [
      "SubmissionConflict",
      "TooManyPending",
      "InvalidSubmission",
      "ConversationNotFound",
      "RunNotFound",
    ],
  },
  { operation: "Runs.get", expected: ["RunNotFound"] },
  { operation: "Runs.list", expected: ["InvalidCursor"] },
  { operation: "Runs.resume", expected: ["NotWaiting", "AnswerRefused", "RunNotFound"] },
  {
    operation: "Runs.followUp",
    expected: ["NotWaiting", "AnswerRefused", "SubmissionConflict", "RunNotFound"],
  },
  { operation: "Runs.complete", expected: ["LeaseLost", "RunNotFound"] },
  {
    operation: "Schedules.update",
    expected: ["RevisionMismatch", "ScheduleOfSource", "ScheduleNotFound", "InvalidSchedule"],
  },
  { operation: "Webhooks.create", expected: ["InvalidEndpoint", "SecretsUnavailable"] },
  { operation: "Webhooks.get", expected: ["EndpointNotFound"] },
  { operation: "Webhooks.retry", expected: ["DeliveryNotFound"] },
  { operation: "BulkOperations.create", expected: ["InvalidBulk"] },
  { operation: "BulkOperations.get", expected: ["BulkNotFound"] },
  { operation: "Limits.define", expected: ["InvalidLimit"] },
  { operation: "Limits.named", expected: ["LimitNotFound"] },
  { operation: "Limits.define", expected: ["InvalidLimit"] },
  { operation: "Runs.recordSession", expected: ["RunEnded", "LeaseLost", "RunNotFound"] },
]

describe("the codec of verdicts", () => {
  it("gives every error of the ports its status, code and detail", () => {
    for (const [error, status, code, detail, rest] of wire) {
      const { body, httpStatus } = Verdicts.encode(error)
      expect([httpStatus, body]).toEqual([status, { error: code, detail, ...rest }])
    }
  })

  it("says that a run has ended by another status where a session is recorded", () => {
    const { body, httpStatus } = Verdicts.encode(new Run.RunEnded({ runId, status: "failed" }), "session")
    expect([httpStatus, body]).toEqual([
      409,
      { error: "run_ended", detail: "Run run-1 has ended: failed", status: "failed" },
    ])
  })

  it("adds the header that asks for a token, and the one that says when to try again", () => {
    const headersOf = (error: Verdicts.PortError) => Verdicts.encode(error).headers
    expect(headersOf(new Access.KeyRevoked({ keyId: "key-1" }))).toEqual({ "www-authenticate": "Bearer" })
    expect(
      headersOf(new Unavailable.ControlPlaneUnavailable({ operation: "Runs.get", message: "down" })),
    ).toEqual({ "retry-after": "1" })
    expect(
      headersOf(new Runs.TooManyPending({ name: "api", key: "eu", maxPending: 1, retryAfterSeconds: 12 })),
    ).toEqual({ "retry-after": "12" })
    expect(
      headersOf(
        new Unavailable.ControlPlaneUnavailable({
          operation: "Runs.get",
          message: "down",
          retryAfterMillis: 2500,
        }),
      ),
    ).toEqual({ "retry-after": "3" })
  })

  for (const { expected, operation } of calls) {
    it.effect(`reads what ${operation} can fail with as the error that was written`, () =>
      Effect.gen(function* () {
        const errors = wire.map(([error]) => error).filter(({ _tag }) => expected.some((tag) => tag === _tag))
        for (const error of errors) {
          const refusal = Verdicts.encode(error, operation === "Runs.recordSession" ? "session" : undefined)
          deepStrictEqual(yield* Effect.flip(Verdicts.decode(operation, expected, about)(refusal)), error)
        }
        deepStrictEqual(new Set(errors.map(({ _tag }) => _tag)), new Set<string>(expected))
      }),
    )
  }

  it("has every error, of which only those of Access are never read", () => {
    const access: ReadonlyArray<string> = [
      "KeyExpired",
      "KeyNotFound",
      "KeyRevoked",
      "ProjectExists",
      "ProjectNotFound",
    ]
    const read: ReadonlyArray<string> = calls.flatMap(({ expected }) => expected)
    const written = wire.map(([{ _tag }]) => _tag).filter((tag) => !tag.startsWith("ControlPlane"))
    expect(new Set(read.concat(access))).toEqual(new Set<string>(written))
  })

  it.effect("reads too many requests of a caller as no refusal of a limit", () =>
    Effect.gen(function* () {
      const refusal = Refusal.tooMany("This caller sends too many requests", 1000)
      const error = yield* Effect.flip(Verdicts.decode("Runs.submit", ["TooManyPending"], about)(refusal))
      deepStrictEqual(
        [error._tag, "retryable" in error && error.retryable],
        ["ControlPlaneUnavailable", true],
      )
    }),
  )

  it.effect("reads the errors that other servers send without a code, by their detail", () =>
    Effect.gen(function* () {
      const run = yield* TestRuns.submit()
      const read = (detail: string, body: Partial<Refusal.Body> = {}) =>
        Effect.flip(
          Verdicts.decode("RunLog.append", appendErrors, {
            runId,
            workerId,
            readRun: Effect.succeed(run),
          })(Refusal.make(400, "ERROR", detail, body)),
        )
      const mismatch = yield* read("External run event cursor mismatch")
      deepStrictEqual(
        [mismatch._tag, "latestSequence" in mismatch && mismatch.latestSequence],
        ["CursorMismatch", 0],
      )
      assertEquals(
        yield* read("Cannot append external events to a terminal run", { status: "cancelled" }),
        new Run.RunEnded({ runId, status: "cancelled" }),
      )
      assertEquals(
        yield* read("Cannot append external events to a terminal run"),
        new Run.RunEnded({ runId, status: "completed" }),
      )
      assertEquals(
        yield* read("Cannot append external events while the run is waiting for a tool result"),
        new RunLog.RunWaiting({ runId }),
      )
      const large = "External run event payload must be less than 1 MB"
      assertEquals(
        yield* read(large),
        new RunLog.EventRefused({ index: 0, reason: "too_large", message: large }),
      )
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )

  it.effect("reads a refusal by its status, without a code and with an unfamiliar detail", () =>
    Effect.gen(function* () {
      const read = (httpStatus: number, about: { readonly workerId?: string } = { workerId }) =>
        Effect.flip(
          Verdicts.decode("RunLog.append", appendErrors, { runId, ...about })(
            Refusal.make(httpStatus, "ERROR", "no"),
          ),
        )
      assertEquals(yield* read(404), new Run.RunNotFound({ runId }))
      assertEquals(yield* read(403), new Run.LeaseLost({ runId, workerId }))
      // Without a lease there is none to lose, and 400 can mean any of them.
      for (const unknown of [yield* read(403, {}), yield* read(400), yield* read(409)]) {
        deepStrictEqual(
          [unknown._tag, "retryable" in unknown && unknown.retryable],
          ["ControlPlaneRefused", false],
        )
      }
      const conflict = yield* Effect.flip(
        Verdicts.decode("Runs.followUp", ["NotWaiting", "SubmissionConflict"], {
          runId,
          interruptId: "call-1",
        })(Refusal.make(409, "ERROR", "no")),
      )
      assertEquals(conflict, new Runs.NotWaiting({ runId, interruptId: "call-1", answered: false }))
    }),
  )
})
