/**
 * The children of a run, as the subagents that a client of AG-UI is shown.
 *
 * A client demands that no subagent is open when a run finishes, and that one which ends has begun in that part of the run. So a part ends
 * the children that work on as suspended, and one that ends in a later part begins there.
 *
 * Source: `verifyEvents` of `@ag-ui/client`, docs/decisions/0060-no-lost-wake-up.md
 */
import { type AgentEvent, ControlEvents } from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import { Option } from "effect"
import type * as Ownership from "./Ownership.js"

type Event = AgentEvent.LogEvent

type Owners = Pick<Ownership.Ownership, "admit">

export interface Children {
  /**
   * What an event of the log says of a child, as the client is shown it: nothing where something else has the id of that child. What is
   * said between two parts waits for `begin`.
   */
  readonly next: (event: Event, owners: Owners | undefined) => ReadonlyArray<Event>

  /** What comes after the RUN_STARTED of a part. */
  readonly begin: (owners: Owners) => ReadonlyArray<Event>

  /** What comes before the RUN_FINISHED or RUN_ERROR of the log: nothing is open then. */
  readonly end: (logged: Event) => ReadonlyArray<Event>

  /** The same as they are now: what one of them takes does not change the other. */
  readonly copy: () => Children
}

const start = ({ agentId, name, runId }: ChildEvent.ChildEvent): Event => ({
  type: "SUBAGENT_STARTED",
  subagentRunId: runId,
  name: agentId,
  ...(name === undefined ? {} : { description: name }),
})

const ended = (subagentRunId: string, { error, status }: ChildEvent.Outcome): Event =>
  status === "completed"
    ? { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "success" } }
    : {
        type: "SUBAGENT_ERROR",
        subagentRunId,
        message: error?.message ?? `The run ${status === "failed" ? "failed" : "was cancelled"}`,
        code: error?.code ?? status,
      }

const isInterrupt = ({ outcome, type }: Event): boolean =>
  type === "RUN_FINISHED" && (outcome as { readonly type?: unknown } | undefined)?.type === "interrupt"

const of = (open: Set<string>, between: Array<ChildEvent.ChildEvent>): Children => {
  const show = (child: ChildEvent.ChildEvent, owners: Owners): ReadonlyArray<Event> => {
    const { outcome, runId } = child
    const end = outcome === undefined ? [] : [ended(runId, outcome)]
    if (open.has(runId)) {
      if (outcome !== undefined) open.delete(runId)
      return end
    }
    const started = owners.admit(start(child))
    if (started === undefined) return []
    if (outcome === undefined) open.add(runId)
    return [started, ...end]
  }

  return {
    next: (event, owners) =>
      Option.match(ChildEvent.fromEvent(event), {
        onNone: () => [],
        onSome: (child) => {
          if (child.detached) return []
          if (owners !== undefined) return show(child, owners)
          between.push(child)
          return []
        },
      }),

    begin: (owners) => between.splice(0).flatMap((child) => show(child, owners)),

    end: (logged) => {
      const left = [...open]
      open.clear()
      return left.map((subagentRunId) =>
        isInterrupt(logged)
          ? { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "suspended" } }
          : ended(subagentRunId, { status: "cancelled", error: ControlEvents.parentEnded }),
      )
    },

    copy: () => of(new Set(open), [...between]),
  }
}

/** Of a log that has not begun. */
export const make = (): Children => of(new Set(), [])
