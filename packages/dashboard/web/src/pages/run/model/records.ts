/** Records of steps in several events: a result that one event cannot hold. */
import { isRecord } from "./asks"

type RecordValue = Readonly<Record<string, unknown>>

/** Gives the record that is whole with this event, if one is. */
export type RecordParts = (value: unknown) => RecordValue | undefined

const joined = (before: unknown, more: unknown): string | undefined =>
  typeof more !== "string" ? undefined : typeof before === "string" ? before + more : more

export const recordParts = (): RecordParts => {
  const begun = new Map<string, { readonly part: number; readonly value: RecordValue }>()
  return (value) => {
    if (!isRecord(value)) return undefined
    const { part, parts } = value
    if (typeof part !== "number" || typeof parts !== "number") return value
    const id = String(value["record_id"])
    const before = begun.get(id)
    begun.delete(id)
    if (part !== (before?.part ?? 0) + 1) return undefined
    const whole = {
      ...value,
      result: joined(before?.value["result"], value["result"]),
      failure: joined(before?.value["failure"], value["failure"]),
    }
    if (part === parts) return whole
    begun.set(id, { part, value: whole })
    return undefined
  }
}
