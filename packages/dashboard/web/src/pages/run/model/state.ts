/** The state that an agent shares, from its snapshots and deltas. Source: RFC 6902 */
import { applyPatch, type Operation } from "rfc6902"
import { isRecord } from "./questions"
import type { Read, RunLog } from "./runLog"

const isOperation = (value: unknown): value is Operation =>
  isRecord(value) && typeof value["op"] === "string" && typeof value["path"] === "string"

/** An operation may replace the whole state, so the state is a field of a document. */
const within = (operation: Operation): Operation => ({
  ...operation,
  path: `/state${operation.path}`,
  ...("from" in operation ? { from: `/state${operation.from}` } : {}),
})

/** Changes the state in place. An operation that does not fit the state changes nothing. */
const change = (state: unknown, operations: unknown): unknown => {
  const document = { state }
  for (const operation of Array.isArray(operations) ? operations.filter(isOperation) : []) {
    try {
      applyPatch(document, [within(operation)])
    } catch {
      // Its path is not a JSON Pointer.
    }
  }
  return document.state
}

export const foldState = (log: RunLog, { at, event }: Read): void => {
  log.state =
    event.type === "STATE_SNAPSHOT"
      ? structuredClone(event["snapshot"])
      : change(log.state ?? {}, event["delta"])
  log.stateAt = at
}
