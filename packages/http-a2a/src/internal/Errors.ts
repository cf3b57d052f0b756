/**
 * The errors of A2A, as both of its bindings say them.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification, sections 3.3.2, 5.4, 9.5 and 11.6
 */
import { Data } from "effect"

interface Kind {
  /** Of JSON-RPC. */
  readonly code: number
  readonly httpStatus: number
  /** The name of the status in `google.rpc`. */
  readonly status: string
}

const kinds = {
  PARSE_ERROR: { code: -32700, httpStatus: 400, status: "INVALID_ARGUMENT" },
  INVALID_REQUEST: { code: -32600, httpStatus: 400, status: "INVALID_ARGUMENT" },
  METHOD_NOT_FOUND: { code: -32601, httpStatus: 404, status: "NOT_FOUND" },
  INVALID_PARAMS: { code: -32602, httpStatus: 400, status: "INVALID_ARGUMENT" },
  INTERNAL: { code: -32603, httpStatus: 500, status: "INTERNAL" },
  UNAVAILABLE: { code: -32603, httpStatus: 503, status: "UNAVAILABLE" },
  TOO_MANY: { code: -32603, httpStatus: 429, status: "RESOURCE_EXHAUSTED" },
  TASK_NOT_FOUND: { code: -32001, httpStatus: 404, status: "NOT_FOUND" },
  TASK_NOT_CANCELABLE: { code: -32002, httpStatus: 400, status: "FAILED_PRECONDITION" },
  PUSH_NOTIFICATION_NOT_SUPPORTED: { code: -32003, httpStatus: 400, status: "FAILED_PRECONDITION" },
  UNSUPPORTED_OPERATION: { code: -32004, httpStatus: 400, status: "FAILED_PRECONDITION" },
  CONTENT_TYPE_NOT_SUPPORTED: { code: -32005, httpStatus: 400, status: "INVALID_ARGUMENT" },
  VERSION_NOT_SUPPORTED: { code: -32009, httpStatus: 400, status: "FAILED_PRECONDITION" },
} satisfies Record<string, Kind>

/** The name of an error: of A2A's own, as `ErrorInfo` has it, or of JSON-RPC. */
export type Reason = keyof typeof kinds

/** A request that is not done. */
export class A2aError extends Data.TaggedError("A2aError")<{
  readonly reason: Reason
  readonly message: string
  /** The field of the request that is wrong. */
  readonly field?: string | undefined
  readonly metadata?: Readonly<Record<string, string>>
}> {
  get kind(): Kind {
    return kinds[this.reason]
  }
}

export const make = (
  reason: Reason,
  message: string,
  rest: { readonly field?: string | undefined; readonly metadata?: Readonly<Record<string, string>> } = {},
): A2aError => new A2aError({ reason, message, ...rest })

export const invalidParams = (field: string, message: string): A2aError =>
  make("INVALID_PARAMS", message, { field })

export const notJson: A2aError = make("PARSE_ERROR", "The body is not valid JSON")

export const taskNotFound = (taskId: string): A2aError =>
  make("TASK_NOT_FOUND", `Task ${taskId} does not exist for this agent`, { metadata: { taskId } })

/** Codes of A2A's own errors; JSON-RPC's are below them. */
const isOwn = ({ code }: Kind): boolean => code <= -32001 && code >= -32099

const detailsOf = ({ field, kind, message, metadata, reason }: A2aError): ReadonlyArray<object> => [
  ...(isOwn(kind)
    ? [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason,
          domain: "a2a-protocol.org",
          ...(metadata === undefined ? {} : { metadata }),
        },
      ]
    : []),
  ...(field === undefined
    ? []
    : [
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field, description: message }],
        },
      ]),
]

/** The `error` of a JSON-RPC response. */
export const toJsonRpc = (error: A2aError): object => {
  const data = detailsOf(error)
  return { code: error.kind.code, message: error.message, ...(data.length === 0 ? {} : { data }) }
}

/** The body of a response of the binding to HTTP. */
export const toRest = (error: A2aError): object => {
  const details = detailsOf(error)
  const { httpStatus, status } = error.kind
  return {
    error: { code: httpStatus, status, message: error.message, ...(details.length === 0 ? {} : { details }) },
  }
}
