/** The outcome of a run in the fields that the public API has: the result, and the detail of the error, are in the metadata. */
import type { Run, Runs } from "@runlease/core"
import { Predicate } from "effect"

const resultKey = "runlease_result"
const detailKey = "runlease_error_detail"

/** The outcome with its result and the detail of its error in its metadata, which replaces that of the run. */
export const toPublic = ({ error, metadata, result, status }: Runs.Outcome): Runs.Outcome => {
  const reserved = {
    ...(result == null ? {} : { [resultKey]: result }),
    ...(error?.detail === undefined ? {} : { [detailKey]: error.detail }),
  }
  return {
    status,
    metadata: Object.keys(reserved).length === 0 ? metadata : { ...metadata, ...reserved },
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  }
}

/** The run with the result and the detail of the error that its metadata holds. */
export const fromPublic = (run: Run.Run): Run.Run => {
  if (!Predicate.isRecord(run.metadata)) return run
  const { [detailKey]: detail, [resultKey]: result, ...metadata } = run.metadata
  if (detail === undefined && result === undefined) return run
  return {
    ...run,
    metadata: Object.keys(metadata).length === 0 ? null : metadata,
    result: run.result ?? result ?? null,
    error: run.error === null || detail === undefined ? run.error : { ...run.error, detail },
  }
}
