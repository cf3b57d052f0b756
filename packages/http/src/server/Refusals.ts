/**
 * From what went wrong to the refusal that says so. The only place where verdicts get an HTTP status.
 *
 * @since 0.1.0
 */
import { type HttpApiError, HttpServerResponse } from "@effect/platform"
import type {
  Access,
  ControlPlaneUnavailable,
  Conversations,
  Page,
  Run,
  RunLog,
  Runs,
  WorkerRegistry,
} from "@runlease/core"
import { Cause, Effect, Match, Option, ParseResult, Predicate } from "effect"
import * as Refusal from "../contract/Refusal.js"
import * as Strict from "../contract/Strict.js"

/** What the ports can fail with. */
export type PortError =
  | Access.KeyNotFound
  | Access.KeyRevoked
  | Access.ProjectExists
  | Access.ProjectNotFound
  | ControlPlaneUnavailable.ControlPlaneUnavailable
  | Conversations.ConversationNotFound
  | Page.InvalidCursor
  | Run.LeaseLost
  | Run.RunEnded
  | Run.RunNotFound
  | RunLog.CursorMismatch
  | RunLog.EventRefused
  | RunLog.RunWaiting
  | Runs.InvalidSubmission
  | Runs.NotWaiting
  | Runs.SubmissionConflict
  | WorkerRegistry.WorkerNotFound

/** Clients act on these texts. */
export const details = {
  cursorMismatch: "External run event cursor mismatch",
  terminal: "Cannot append external events to a terminal run",
  waiting: "Cannot append external events while the run is waiting for a tool result",
} as const

/** A request whose token is not valid. */
export const unauthorized = (detail: string): Refusal.Refusal =>
  new Refusal.Refusal({
    httpStatus: 401,
    body: { error: "unauthorized", detail },
    headers: { "www-authenticate": "Bearer" },
  })

/** A request past a limit, and for how long to wait. */
export const tooMany = (detail: string, waitMillis: number): Refusal.Refusal =>
  new Refusal.Refusal({
    httpStatus: 429,
    body: { error: "too_many_requests", detail },
    headers: { "retry-after": String(Math.max(1, Math.ceil(waitMillis / 1000))) },
  })

const unavailable = (error: ControlPlaneUnavailable.ControlPlaneUnavailable) =>
  new Refusal.Refusal({
    httpStatus: 503,
    body: {
      error: "unavailable",
      detail: error.detail ?? "The control plane is not available now; try again later",
    },
    headers: { "retry-after": String(Math.max(1, Math.ceil((error.retryAfterMillis ?? 1000) / 1000))) },
  })

/** The refusal that a verdict of the ports becomes. A refusal stays what it is. */
export const of: (error: PortError | Refusal.Refusal) => Refusal.Refusal = Match.type<
  PortError | Refusal.Refusal
>().pipe(
  Match.tagsExhaustive({
    Refusal: (refusal) => refusal,
    KeyNotFound: (error) => Refusal.make(404, "key_not_found", error.message, { field: "key_id" }),
    KeyRevoked: (error) => unauthorized(error.message),
    ProjectNotFound: (error) =>
      Refusal.make(404, "project_not_found", error.message, { field: "project_reference" }),
    ConversationNotFound: (error) =>
      Refusal.make(404, "conversation_not_found", error.message, { field: "conversation_id" }),
    RunNotFound: (error) => Refusal.make(404, "run_not_found", error.message, { field: "run_id" }),
    WorkerNotFound: (error) => Refusal.make(404, "worker_not_found", error.message, { field: "worker_id" }),
    ProjectExists: (error) => Refusal.make(409, "project_exists", error.message, { field: "slug" }),
    SubmissionConflict: (error) =>
      Refusal.make(409, "submission_conflict", error.message, { field: "public_id" }),
    InvalidSubmission: (error) =>
      Refusal.make(400, "invalid_request", error.message, error.field === "" ? {} : { field: error.field }),
    NotWaiting: (error) =>
      Refusal.make(409, error.answered ? "answered_otherwise" : "not_waiting", error.message, {
        interrupt_id: error.interruptId,
        ...(error.open === undefined ? {} : { open_interrupt_ids: error.open }),
      }),
    InvalidCursor: (error) => Refusal.make(400, "invalid_cursor", error.message, { field: "cursor" }),
    LeaseLost: (error) => Refusal.make(403, "lease_lost", error.message),
    RunEnded: (error) => Refusal.make(400, "run_ended", details.terminal, { status: error.status }),
    RunWaiting: () => Refusal.make(400, "run_waiting", details.waiting),
    CursorMismatch: (error) =>
      Refusal.make(400, "cursor_mismatch", details.cursorMismatch, {
        latest_event_id: error.latestEventId,
        latest_external_event_sequence: error.latestSequence,
      }),
    EventRefused: (error) =>
      Refusal.make(400, `event_${error.reason}`, error.message, {
        field: error.reason === "batch_size" ? "events" : `events.${error.index}`,
      }),
    ControlPlaneUnavailable: unavailable,
  }),
)

/** `RunEnded` where nothing is appended. */
export const ended = (error: Run.RunEnded): Refusal.Refusal =>
  Refusal.make(409, "run_ended", error.message, { status: error.status })

const maxDetail = 600

const ofIssues = (issues: HttpApiError.HttpApiDecodeError["issues"]): Refusal.Refusal => {
  const issue = issues[0]
  const field = issue?.path.map(String).join(".") ?? ""
  const said = issue === undefined ? "The request is malformed" : Strict.sentence(issue)
  const sentence = field === "" ? said : `${field}: ${said}`
  return Refusal.make(
    400,
    "invalid_request",
    sentence.length > maxDetail ? `${sentence.slice(0, maxDetail)}…` : sentence,
    field === "" ? {} : { field },
  )
}

/** What is read in a body and does not fit. */
export const ofParse = (error: ParseResult.ParseError): Refusal.Refusal =>
  ofIssues(ParseResult.ArrayFormatter.formatErrorSync(error))

const ofFailure = (error: unknown): Refusal.Refusal | undefined => {
  if (error instanceof Refusal.Refusal) return error
  if (Predicate.isTagged(error, "HttpApiDecodeError"))
    return ofIssues((error as HttpApiError.HttpApiDecodeError).issues)
  if (Predicate.isTagged(error, "RouteNotFound")) {
    return Refusal.make(404, "not_found", "There is nothing at this address")
  }
  // The only request errors are those of reading a body.
  if (Predicate.isTagged(error, "RequestError")) {
    return Refusal.make(400, "invalid_json", "The body is not valid JSON", { field: "body" })
  }
  return undefined
}

const toResponse = (refusal: Refusal.Refusal): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.unsafeJson(refusal.body, {
    status: refusal.httpStatus,
    ...(refusal.headers === undefined ? {} : { headers: refusal.headers }),
  })

const internal = Refusal.make(500, "internal", "The server has a fault; its log says more")

/**
 * The refusal that stands for whatever went wrong. A defect is logged and told as nothing but a fault; an interruption
 * stays one.
 *
 * @since 0.1.0
 * @category refusals
 */
export const ofCause = (cause: Cause.Cause<unknown>): Effect.Effect<Refusal.Refusal> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
  const found = Option.orElse(Option.flatMapNullable(Cause.failureOption(cause), ofFailure), () =>
    Option.flatMapNullable(Cause.dieOption(cause), ofFailure),
  )
  return Option.match(found, {
    onSome: Effect.succeed,
    onNone: () => Effect.as(Effect.logError("A request could not be handled", cause), internal),
  })
}

/**
 * Answers whatever went wrong with a refusal, so that nothing of `E` is left.
 *
 * @since 0.1.0
 * @category middleware
 */
export const respond = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.catchAllCause(app, (cause) => Effect.map(ofCause(cause), toResponse))
