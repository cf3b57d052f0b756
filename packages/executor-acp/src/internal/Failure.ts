/** The failures of a run by an agent. */
import { RequestError } from "@agentclientprotocol/sdk"
import { type ControlPlaneError, Executor, type Run, type Step } from "@runlease/core"
import { Data } from "effect"

/** The agent answered a request with an error. */
export class RequestRefused extends Data.TaggedError("RequestRefused")<{
  readonly method: string
  readonly code: number
  readonly message: string
  readonly data: unknown
}> {}

const authRequired = RequestError.authRequired().code

export const asksForAuthentication = (refused: RequestRefused): boolean => refused.code === authRequired

export const of = (code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) =>
  new Executor.ExecutorError({ code, message, retryable: options.retryable ?? false, cause: options.cause })

const dataText = (data: unknown): string => {
  if (data === undefined || data === null) return ""
  const text = typeof data === "string" ? data : JSON.stringify(data)
  return text === "{}" ? "" : `: ${text.slice(0, 2000)}`
}

/** The failure of a run whose agent refused a request. */
export const ofRefusal = (command: string, { code, data, message, method }: RequestRefused) =>
  of("agent_error", `${command} refused ${method} (${code}): ${message.slice(0, 2000)}${dataText(data)}`)

export const ofStep = ({ code, message, retryable }: Step.StepError) => of(code, message, { retryable })

/** The log of the run cannot be read. */
export const ofControlPlane = (error: ControlPlaneError.ControlPlaneError | Run.RunNotFound) =>
  error._tag === "RunNotFound"
    ? of("run_not_found", error.message, { cause: error })
    : of("control_plane_unavailable", error.message, { retryable: true, cause: error })
