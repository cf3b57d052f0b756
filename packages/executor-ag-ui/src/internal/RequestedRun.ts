/**
 * The run that was requested, among those of a stream: older runs of the thread may come before it.
 *
 * Its end is its own RUN_FINISHED or RUN_ERROR. A RUN_ERROR outside of it is the end where no RUN_STARTED comes after it.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/lifecycle
 */
import { AgentEvent } from "@runlease/core"

type Event = AgentEvent.LogEvent

export interface RequestedRun {
  /** Takes the next event, which keeps the rules, and gives it back where it is of the requested run and does not end it. */
  readonly take: (event: Event) => ReadonlyArray<Event>
  /** How the requested run ends, unless more of the stream says otherwise. */
  readonly end: () => Event | undefined
  /** Whether nothing that follows can change the end. */
  readonly isSettled: () => boolean
  /** The run that the stream is in, or was in last. */
  readonly current: () => string | undefined
  /** Whether the stream is in a run. */
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
        // The requested run has ended before, or an older run failed.
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
