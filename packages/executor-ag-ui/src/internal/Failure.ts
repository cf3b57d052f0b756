/** How a run fails whose remote agent does not do it. */
import { Executor } from "@runlease/core"
import type { Duration } from "effect"

const maxMessage = 2000

/** The beginning of a text that came from outside, in one line. */
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

/** The same failure, with none of these in its message. */
export const redacted =
  (secrets: ReadonlyArray<string>) =>
  (error: Executor.ExecutorError): Executor.ExecutorError => {
    const message = secrets.reduce(
      (text, secret) => (secret === "" ? text : text.replaceAll(secret, "<redacted>")),
      error.message,
    )
    return message === error.message ? error : new Executor.ExecutorError({ ...error, message })
  }
