/** How a run fails whose remote agent does not do it. */
import { ControlPlaneUnavailable, Executor, type Run } from "@runlease/core"
import { type Duration, Effect } from "effect"

const maxMessage = 2000

/** The beginning of a text that came from outside, in one line. What is cut may be half a secret: blot those out before. */
export const excerpt = (text: string, max = maxMessage): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= max ? line : `${line.slice(0, max)}…`
}

/** Another attempt would come to the same. */
export const final = (code: string, message: string): Executor.ExecutorError =>
  new Executor.ExecutorError({ code, message, retryable: false })

/** Another attempt may do better. */
export const passing = (
  code: string,
  message: string,
  retryAfter?: Duration.DurationInput,
): Executor.ExecutorError => Executor.retryable(code, message, retryAfter)

/** What is read of the run's own log, for as long as its lease lets it; that it cannot be read is nobody's fault. */
export const readingLog = <A, R>(
  read: Effect.Effect<A, Run.RunNotFound | ControlPlaneUnavailable.ControlPlaneUnavailable, R>,
): Effect.Effect<A, Executor.ExecutorError, R> =>
  Effect.mapError(ControlPlaneUnavailable.retryUnavailable(read), ({ message }) =>
    passing("log_not_read", message),
  )

/** A text with none of these in it. */
export const blotted =
  (secrets: ReadonlyArray<string>) =>
  (text: string): string =>
    secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "<redacted>")), text)

/** The same failure, its message changed. */
export const withMessage =
  (change: (message: string) => string) =>
  (error: Executor.ExecutorError): Executor.ExecutorError =>
    new Executor.ExecutorError({ ...error, message: change(error.message) })
