/**
 * Checks the order of events that AG-UI demands: the start and end of a run, and the items that are open in between.
 *
 * A stream that breaks a rule is not repaired, since the agent's intent is unclear.
 *
 * Sources: https://docs.ag-ui.com/spec/1.0/events/lifecycle, https://docs.ag-ui.com/spec/1.0/basic/patterns/streaming
 */
import type { AgentEvent } from "@runlease/core"
import * as Ownership from "./Ownership.js"

type Event = AgentEvent.LogEvent

type Action = "opens" | "continues" | "closes"

interface Rule {
  readonly noun: string
  readonly field: string
  readonly action: Action
}

const streamed = (
  noun: string,
  field: string,
  types: Readonly<Record<string, Action>>,
): ReadonlyArray<readonly [string, Rule]> =>
  Object.entries(types).map(([type, action]) => [type, { noun, field, action }])

const rules: ReadonlyMap<string, Rule> = new Map([
  ...streamed("message", "messageId", {
    TEXT_MESSAGE_START: "opens",
    TEXT_MESSAGE_CONTENT: "continues",
    TEXT_MESSAGE_END: "closes",
  }),
  ...streamed("tool call", "toolCallId", {
    TOOL_CALL_START: "opens",
    TOOL_CALL_ARGS: "continues",
    TOOL_CALL_END: "closes",
  }),
  ...streamed("reasoning", "messageId", { REASONING_START: "opens", REASONING_END: "closes" }),
  ...streamed("reasoning message", "messageId", {
    REASONING_MESSAGE_START: "opens",
    REASONING_MESSAGE_CONTENT: "continues",
    REASONING_MESSAGE_END: "closes",
  }),
  ...streamed("step", "stepName", { STEP_STARTED: "opens", STEP_FINISHED: "closes" }),
  ...streamed("subagent", "subagentRunId", {
    SUBAGENT_STARTED: "opens",
    SUBAGENT_FINISHED: "closes",
    SUBAGENT_ERROR: "closes",
  }),
])

/** The open items of one run. */
const makeRun = (runId: string) => {
  const open = new Map<string, string>()
  const subagents = new Set<string>()
  const ownership = Ownership.make()

  const ofSubagent = (event: Event): string | undefined => {
    if (event.type !== "SUBAGENT_STARTED") return undefined
    const id = String(event["subagentRunId"])
    const parent = event["parentSubagentRunId"]
    if (subagents.has(id)) return `SUBAGENT_STARTED names subagent ${id} a second time`
    subagents.add(id)
    return parent === undefined || subagents.has(String(parent))
      ? undefined
      : `SUBAGENT_STARTED names subagent ${String(parent)} as parent, which was not started`
  }

  return {
    runId,
    /** The problem with an event inside the run, if any. */
    inside: (event: Event): string | undefined => {
      const rule = rules.get(event.type)
      if (rule !== undefined) {
        const id = String(event[rule.field])
        // A step belongs to one agent: the parent and a subagent may have one of the same name.
        const owner = rule.noun === "step" ? (event["subagentRunId"] ?? null) : null
        const key = JSON.stringify([rule.noun, id, owner])
        if (rule.action === "opens" && open.has(key))
          return `${event.type} opens ${rule.noun} ${id}, which is open`
        if (rule.action !== "opens" && !open.has(key)) {
          return `${event.type} names ${rule.noun} ${id}, which is not open`
        }
        if (rule.action === "opens") open.set(key, `${rule.noun} ${id}`)
        if (rule.action === "closes") open.delete(key)
      }
      return ofSubagent(event) ?? ownership.check(event)
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
