/**
 * Checks the order of events that AG-UI demands: the start and end of a run, and the items that are open in between.
 *
 * A stream that breaks a rule is not repaired, since the agent's intent is unclear.
 *
 * Sources: https://docs.ag-ui.com/spec/1.0/events/lifecycle, https://docs.ag-ui.com/spec/1.0/basic/patterns/streaming
 */
import type { AgentEvent } from "@runlease/core"
import { AgUiItems, AgUiOwners } from "@runlease/core/internal"

type Event = AgentEvent.LogEvent

/** The open items of one run. */
const makeRun = (runId: string) => {
  const open = new Map<string, string>()
  const owners = AgUiOwners.make()

  return {
    runId,
    /** The problem with an event inside the run, if any. */
    inside: (event: Event): string | undefined => {
      const use = AgUiItems.useOf(event.type)
      if (use !== undefined) {
        const { field, noun } = use.item
        const id = String(event[field])
        // A step belongs to one agent: the parent and a subagent may have one of the same name.
        const owner = noun === "step" ? (event["subagentRunId"] ?? null) : null
        const key = JSON.stringify([noun, id, owner])
        if (use.action === "opens" && open.has(key)) return `${event.type} opens ${noun} ${id}, which is open`
        if (use.action !== "opens" && !open.has(key)) {
          return `${event.type} names ${noun} ${id}, which is not open`
        }
        if (use.action === "opens") open.set(key, `${noun} ${id}`)
        if (use.action === "closes") open.delete(key)
      }
      const contradiction = owners.take(event)
      return contradiction === undefined ? undefined : `${event.type} ${contradiction.problem}`
    },
    finish: (event: Event): string | undefined => {
      if (event["runId"] !== runId) return `RUN_FINISHED names run ${String(event["runId"])} in run ${runId}`
      return open.size === 0 ? undefined : `RUN_FINISHED leaves open: ${[...open.values()].join(", ")}`
    },
  }
}

/** A function that returns the problem with the next event of a stream. The events must pass the schema. */
export const make = (): ((event: Event) => string | undefined) => {
  let state: "empty" | "running" | "finished" | "failed" = "empty"
  let run = makeRun("")

  return (event) => {
    switch (event.type) {
      case "RUN_STARTED":
        if (state === "running") return `RUN_STARTED comes within run ${run.runId}`
        state = "running"
        run = makeRun(String(event["runId"]))
        return undefined
      case "RUN_ERROR":
        if (state === "failed") return "RUN_ERROR comes after RUN_ERROR"
        state = "failed"
        return undefined
      case "RUN_FINISHED": {
        if (state !== "running") break
        state = "finished"
        return run.finish(event)
      }
    }
    switch (state) {
      case "empty":
        return `The stream begins with ${event.type}, not with RUN_STARTED`
      case "finished":
        return `${event.type} comes after RUN_FINISHED`
      case "failed":
        return `${event.type} comes after RUN_ERROR`
      case "running":
        return run.inside(event)
    }
  }
}
