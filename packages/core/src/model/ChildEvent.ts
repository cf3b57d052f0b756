/**
 * Events in the log of a run that say that it has spawned a child, or how one of its children has ended. The control plane writes them.
 *
 * Source: docs/decisions/0060-no-lost-wake-up.md
 */
import { Option, Schema } from "effect"
import { custom, type LogEvent } from "./AgentEvent.js"
import { derivedRunId, RunId } from "./Ids.js"
import { RunError, TerminalStatus } from "./Run.js"
import { childEventName } from "./StepRecord.js"

/** The most children of a run. */
export const maxChildren = 10_000

/** The most groups of children that a run waits for, and the most children that these name together. */
export const maxAwaited = 2 * maxChildren

/** A child, and its agent. The children of a run are counted from 0; a detached one has no `index`. */
export interface Child {
  readonly runId: string
  readonly agentId: string
  readonly index?: number | undefined
}

/** The step of a run that has spawned a child. */
export interface ChildStep {
  readonly stepId: string
  readonly name: string
  readonly key?: unknown
}

/** How a child has ended. */
const Outcome = Schema.Struct({
  status: TerminalStatus,
  error: Schema.optional(RunError),
})

/** How a child has ended. */
export type Outcome = typeof Outcome.Type

const EventValue = Schema.Struct({
  child_run_id: RunId,
  agent_id: Schema.String,
  name: Schema.optional(Schema.String),
  detached: Schema.optional(Schema.Boolean),
  outcome: Schema.optional(Outcome),
})

/** The event of a spawn, which is the record of its step. */
export const spawned = ({ agentId, index, key, name, runId, stepId }: Child & ChildStep): LogEvent =>
  custom(childEventName, {
    step_id: stepId,
    record_id: runId,
    name,
    ...(key === undefined ? {} : { key }),
    child_run_id: runId,
    agent_id: agentId,
    ...(index === undefined ? { detached: true } : { index }),
  })

export const ended = ({ agentId, index, runId }: Child, { error, status }: Outcome): LogEvent =>
  custom(childEventName, {
    child_run_id: runId,
    agent_id: agentId,
    index,
    outcome: { status, ...(error === undefined ? {} : { error }) },
  })

/** What an event says of a child. `name` is that of the step that has spawned it; `outcome` is absent where the child begins. */
export interface ChildEvent extends Omit<Child, "index"> {
  readonly name: string | undefined
  readonly detached: boolean
  readonly outcome: Outcome | undefined
}

const decode = Schema.decodeUnknownOption(EventValue)

/** Whether an event has the name of those of children. */
export const isChildEvent = ({ name, type }: LogEvent): boolean =>
  type === "CUSTOM" && name === childEventName

/** What an event of the control plane says of a child, if it does. */
export const fromEvent = (event: LogEvent): Option.Option<ChildEvent> =>
  isChildEvent(event)
    ? Option.map(decode(event["value"]), ({ agent_id, child_run_id, detached, name, outcome }) => ({
        runId: child_run_id,
        agentId: agent_id,
        name,
        detached: detached === true,
        outcome,
      }))
    : Option.none()

/** The id of the child that an event says something of, if it does. */
export const idIn = (event: LogEvent): string | undefined =>
  Option.getOrUndefined(Option.map(fromEvent(event), ({ runId }) => runId))

/** The id of the child that a step of a run is: the same in each attempt. */
export const childIdOf = (runId: string, stepId: string): RunId =>
  derivedRunId("child", `child ${runId} ${stepId}`)
