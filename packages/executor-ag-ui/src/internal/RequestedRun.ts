/**
 * Selects the requested run from a stream, which may replay older runs of the thread first.
 *
 * The run ends with its own RUN_FINISHED or RUN_ERROR. A RUN_ERROR outside of the run ends it too, unless a RUN_STARTED
 * follows.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/lifecycle
 */
import { AgentEvent } from "@runlease/core"

type Event = AgentEvent.LogEvent

export interface RequestedRun {
  /** Reads the next event, which follows the rules. Returns it if it belongs to the requested run and does not end it. */
  readonly take: (event: Event) => ReadonlyArray<Event>
  /** The end of the requested run so far. A later event may replace it. */
  readonly end: () => Event | undefined
  /** Whether no later event can change the end. */
  readonly isSettled: () => boolean
  /** The id of the latest run in the stream. */
  readonly current: () => string | undefined
  /** Whether that run is still open. */
  readonly isActive: () => boolean
}

export const make = (runId: string): RequestedRun => {
  let current: string | undefined
  let active = false
  let end: Event | undefined
  let settled = false

  return {
    take: (event) => {
      if (settled) return []
      if (event.type === "RUN_STARTED") {
        // Either the requested run has ended, or an older run failed.
        if (end?.type === "RUN_FINISHED") settled = true
        else end = undefined
        current = String(event["runId"])
        active = true
        return []
      }
      const requested = active && current === runId
      if (!AgentEvent.endsRun(event)) return requested ? [event] : []
      active = false
      if (event.type === "RUN_ERROR") end = event
      else if (requested) end = event
      if (event.type === "RUN_ERROR" && requested) settled = true
      return []
    },
    end: () => end,
    isSettled: () => settled,
    current: () => current,
    isActive: () => active,
  }
}
