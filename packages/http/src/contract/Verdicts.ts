/**
 * The verdicts of the ports on the wire: each error has a status, a code and a detail. The only place where an error of
 * the ports gets an HTTP status.
 *
 * Source: docs/decisions/0042-one-codec-of-verdicts.md
 *
 * @since 0.1.0
 */
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
import * as ControlPlaneErrors from "./ControlPlaneErrors.js"
import * as Refusal from "./Refusal.js"

type VerdictError =
  | Access.KeyNotFound
  | Access.KeyRevoked
  | Access.ProjectExists
  | Access.ProjectNotFound
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

type Tag = VerdictError["_tag"]

type ErrorOf<T extends Tag> = Extract<VerdictError, { readonly _tag: T }>

/** Every error that a port can fail with. */
export type PortError = VerdictError | ControlPlaneUnavailable.ControlPlaneUnavailable

/** Other servers send these texts without a code, and their clients compare them. */
export const details = {
  cursorMismatch: "External run event cursor mismatch",
  ended: "Cannot append external events to a terminal run",
  waiting: "Cannot append external events while the run is waiting for a tool result",
} as const

interface Verdict<E> {
  readonly status: number
  readonly encode: (error: E) => Refusal.Body
  readonly headers?: Refusal.Refusal["headers"]
}

const notFound = (error: string, field: string): Verdict<VerdictError> => ({
  status: 404,
  encode: ({ message }) => ({ error, detail: message, field }),
})

const verdicts: { readonly [T in Tag]: Verdict<ErrorOf<T>> } = {
  KeyNotFound: notFound("key_not_found", "key_id"),
  ProjectNotFound: notFound("project_not_found", "project_reference"),
  ConversationNotFound: notFound("conversation_not_found", "conversation_id"),
  RunNotFound: notFound("run_not_found", "run_id"),
  WorkerNotFound: notFound("worker_not_found", "worker_id"),
  KeyRevoked: {
    status: 401,
    headers: Refusal.challenge,
    encode: ({ message }) => ({ error: "unauthorized", detail: message }),
  },
  ProjectExists: {
    status: 409,
    encode: ({ message }) => ({ error: "project_exists", detail: message, field: "slug" }),
  },
  SubmissionConflict: {
    status: 409,
    encode: ({ message }) => ({ error: "submission_conflict", detail: message, field: "public_id" }),
  },
  InvalidSubmission: {
    status: 400,
    encode: ({ field, message }) => ({
      error: "invalid_request",
      detail: message,
      ...(field === "" ? {} : { field }),
    }),
  },
  NotWaiting: {
    status: 409,
    encode: ({ answered, interruptId, message, open }) => ({
      error: answered ? "answered_otherwise" : "not_waiting",
      detail: message,
      interrupt_id: interruptId,
      ...(open === undefined ? {} : { open_interrupt_ids: open }),
    }),
  },
  InvalidCursor: {
    status: 400,
    encode: ({ message }) => ({ error: "invalid_cursor", detail: message, field: "cursor" }),
  },
  LeaseLost: {
    status: 403,
    encode: ({ message }) => ({ error: "lease_lost", detail: message }),
  },
  RunEnded: {
    status: 400,
    encode: ({ status }) => ({ error: "run_ended", detail: details.ended, status }),
  },
  RunWaiting: {
    status: 400,
    encode: () => ({ error: "run_waiting", detail: details.waiting }),
  },
  CursorMismatch: {
    status: 400,
    encode: ({ latestEventId, latestSequence }) => ({
      error: "cursor_mismatch",
      detail: details.cursorMismatch,
      latest_event_id: latestEventId,
      latest_external_event_sequence: latestSequence,
    }),
  },
  EventRefused: {
    status: 400,
    encode: ({ index, message, reason }) => ({
      error: `event_${reason}`,
      detail: message,
      field: reason === "batch_size" ? "events" : `events.${index}`,
    }),
  },
}

const encodeVerdict = <T extends Tag>(tag: T, error: ErrorOf<T>): Refusal.Refusal => {
  const { encode, headers, status } = verdicts[tag]
  return new Refusal.Refusal({
    httpStatus: status,
    body: encode(error),
    ...(headers === undefined ? {} : { headers }),
  })
}

/**
 * The refusal that stands for an error; a refusal stays as it is. `session` is the endpoint that records a session:
 * `RunEnded` is 409 there, since nothing is appended.
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode = (error: PortError | Refusal.Refusal, endpoint?: "session"): Refusal.Refusal => {
  if (error._tag === "Refusal") return error
  if (error._tag === "ControlPlaneUnavailable") return ControlPlaneErrors.encode(error)
  if (error._tag === "RunEnded" && endpoint === "session") {
    return Refusal.make(409, "run_ended", error.message, { status: error.status })
  }
  return encodeVerdict(error._tag, error)
}
