/**
 * Records in parts: a result that one event cannot hold is in several, which count only when all of them are there. Imports no module, so
 * that pages may use it.
 *
 * Source: docs/decisions/0095-records-of-steps.md
 */

/** A record or one part of it, from 1. The parts have the same `record_id`. */
export interface RecordPart {
  readonly record_id: string
  readonly part?: number | undefined
  readonly parts?: number | undefined
  readonly result?: string | undefined
  readonly failure?: string | undefined
}

const concat = (before: string | undefined, text: string | undefined): string | undefined =>
  before === undefined ? text : before + (text ?? "")

/** A function that takes the next record of a log, and returns the whole record with its last part. It reads a log from its beginning. */
export const make = <R extends RecordPart>(): ((record: R) => R | undefined) => {
  const begun = new Map<string, { readonly parts: number; readonly record: R }>()
  return (record) => {
    const { failure, part, parts, record_id, result } = record
    if (part === undefined || parts === undefined) return record
    const before = begun.get(record_id)
    begun.delete(record_id)
    if (part !== (before?.parts ?? 0) + 1) return undefined
    const joined = {
      ...record,
      part: undefined,
      parts: undefined,
      result: concat(before?.record.result, result),
      failure: concat(before?.record.failure, failure),
    }
    if (part === parts) return joined
    begun.set(record_id, { parts: part, record: joined })
    return undefined
  }
}
