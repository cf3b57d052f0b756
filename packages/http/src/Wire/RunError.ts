/**
 * Why a run failed, in the fields that an outcome and a run of a conversation have for it.
 *
 * @since 0.1.0
 */
import type { Run } from "@runlease/core"

interface Sent {
  readonly terminal_error_code?: string | null | undefined
  readonly terminal_error_message?: string | null | undefined
  readonly terminal_error_detail?: unknown
}

/**
 * The detail, which another server does not have; no field where there is none, since null is a detail.
 *
 * @since 0.1.0
 * @category encoding
 */
export const detailOf = (
  error: Run.RunError | null | undefined,
): { readonly terminal_error_detail?: unknown } =>
  error?.detail === undefined ? {} : { terminal_error_detail: error.detail }

/**
 * A code without a message is its own message.
 *
 * @since 0.1.0
 * @category decoding
 */
export const of = (sent: Sent): Run.RunError | null => {
  const code = sent.terminal_error_code ?? null
  const message = sent.terminal_error_message ?? code
  const detail = sent.terminal_error_detail
  return message === null ? null : { code, message, ...(detail === undefined ? {} : { detail }) }
}
