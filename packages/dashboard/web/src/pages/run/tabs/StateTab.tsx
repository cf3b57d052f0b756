/** The state that the agent shares: its snapshots and deltas, folded. */
import type * as Json from "@runlease/http/Json"
import { clock, exact } from "../../../format/times"
import { Empty } from "../../../ui/Empty"
import { Output } from "../conversation/Output"
import type { RunLog } from "../model/runLog"

export const StateTab = ({
  log,
  request,
}: {
  readonly log: RunLog
  readonly request: Json.Snapshot | undefined
}) => {
  const value = log.stateAt === null ? request?.state : log.state
  if (value === undefined) {
    return (
      <div className="pt-2">
        <Empty>
          This run has no state. An agent shares one with the events STATE_SNAPSHOT and STATE_DELTA.
        </Empty>
      </div>
    )
  }
  return (
    <div className="px-4 py-3 max-desk:px-3">
      <p className="mb-1 text-small text-ink-3">
        {log.stateAt === null ? (
          "As it was submitted. The agent has not changed it."
        ) : (
          <>
            Changed last at <time title={exact(log.stateAt)}>{clock(log.stateAt)}</time>
          </>
        )}
      </p>
      <Output label="State" text={JSON.stringify(value, null, 2)} wrap />
    </div>
  )
}
