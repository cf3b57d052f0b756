/** The failures of a run by a remote agent. */
import { type ControlPlaneError, ControlPlaneUnavailable, Executor, type Run } from "@runlease/core"
import { type Duration, Effect } from "effect"

const maxMessage = 2000

/** The beginning of a foreign text, in one line. Redact secrets first, since the cut may leave half of one. */
export const excerpt = (text: string, max = maxMessage): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= max ? line : `${line.slice(0, max)}…`
}

/** A failure that another attempt would repeat. */
export const permanent = (code: string, message: string): Executor.ExecutorError =>
  new Executor.ExecutorError({ code, message, retryable: false })

/** A failure that another attempt may avoid. */
export const retryable = (
  code: string,
  message: string,
  retryAfter?: Duration.DurationInput,
): Executor.ExecutorError => Executor.retryableError(code, message, retryAfter)

/** Reads the run's own log. While the control plane is unavailable it retries, for as long as the lease lasts. */
export const readingLog = <A, R>(
  read: Effect.Effect<A, Run.RunNotFound | ControlPlaneError.ControlPlaneError, R>,
): Effect.Effect<A, Executor.ExecutorError, R> =>
  Effect.mapError(ControlPlaneUnavailable.retryUnavailable(read), ({ message }) =>
    retryable("log_not_read", message),
  )

/** A function that replaces each secret in a text. */
export const redactor =
  (secrets: ReadonlyArray<string>) =>
  (text: string): string =>
    secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "<redacted>")), text)

/** Changes the message of a failure. */
export const mapMessage =
  (change: (message: string) => string) =>
  (error: Executor.ExecutorError): Executor.ExecutorError =>
    new Executor.ExecutorError({ ...error, message: change(error.message) })
