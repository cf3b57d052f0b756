import type { Runs } from "@runlease/core"

/** An outcome in the names of the wire. */
export const outcomeBody = ({ error, metadata, result, status }: Runs.Outcome) => ({
  status,
  metadata,
  terminal_error_code: error?.code,
  terminal_error_message: error?.message,
  result,
})
