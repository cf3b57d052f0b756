/**
 * Records in parts: a result that one event cannot hold is in several, which count only when all of them are there.
 *
 * Source: docs/decisions/0095-records-of-steps.md
 *
 * @since 0.1.0
 */
import { Option } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import { type EventRecord, fromEvent, type StepRecord } from "./StepRecord.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface RecordParts {
  /** Takes the next event of a log, and gives the record that is whole with it, if one is. */
  readonly next: (event: LogEvent) => Option.Option<EventRecord>
}

const concat = (before: string | undefined, text: string | undefined): string | undefined =>
  before === undefined ? text : before + (text ?? "")

/**
 * Reads a log from its beginning.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): RecordParts => {
  const begun = new Map<string, { readonly parts: number; readonly record: StepRecord }>()
  const join = (record: StepRecord): StepRecord | undefined => {
    const { failure, part, parts, record_id, result, ...rest } = record
    if (part === undefined || parts === undefined) return record
    const before = begun.get(record_id)
    begun.delete(record_id)
    if (part !== (before?.parts ?? 0) + 1) return undefined
    const texts = {
      result: concat(before?.record.result, result),
      failure: concat(before?.record.failure, failure),
    }
    const joined: StepRecord = {
      ...rest,
      record_id,
      ...(texts.result === undefined ? {} : { result: texts.result }),
      ...(texts.failure === undefined ? {} : { failure: texts.failure }),
    }
    if (part === parts) return joined
    begun.set(record_id, { parts: part, record: joined })
    return undefined
  }

  return {
    next: (event) =>
      Option.flatMap(fromEvent(event), ({ kind, record }) =>
        Option.map(Option.fromNullable(join(record)), (whole) => ({ kind, record: whole })),
      ),
  }
}
