/**
 * The errors of OpenAI's API.
 *
 * Source: https://platform.openai.com/docs/guides/error-codes
 */
import { Data } from "effect"

/** A request that is not done. `param`: the field that is wrong, such as `input[0].content[1].type`. */
export class ResponsesError extends Data.TaggedError("ResponsesError")<{
  readonly httpStatus: number
  readonly code: string
  readonly message: string
  readonly param: string | null
}> {}

/** The value of a field is not valid. */
export const invalid = (param: string, problem: string, code = "invalid_value"): ResponsesError =>
  new ResponsesError({ httpStatus: 400, code, message: `${param}: ${problem}`, param })

export const notFound = (id: string): ResponsesError =>
  new ResponsesError({
    httpStatus: 404,
    code: "response_not_found",
    message: `Response ${id} does not exist, or was not stored`,
    param: "response_id",
  })

export const previousNotFound = (id: string): ResponsesError =>
  new ResponsesError({
    httpStatus: 400,
    code: "previous_response_not_found",
    message: `Response ${id} does not exist, or was not stored; send its messages as input instead`,
    param: "previous_response_id",
  })

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found",
  429: "too_many_requests",
}

export const toBody = ({ code, httpStatus, message, param }: ResponsesError): object => ({
  error: {
    message,
    type: types[httpStatus] ?? (httpStatus >= 500 ? "server_error" : "invalid_request_error"),
    param,
    code,
  },
})
