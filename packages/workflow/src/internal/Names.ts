/** The names and ids that workflows have in a control plane. */
import { Ids, StepRecord } from "@runlease/core"
import { Schema } from "effect"

/** The agent of a workflow's runs. */
export const agentIdOf = (workflowName: string): string => `workflow:${workflowName}`

const isRunId = Schema.is(Ids.NewRunId)

/** 32 hex digits that are the same for the same names. */
export const digestOf = (kind: string, name: string): string =>
  StepRecord.stepIdOf({ within: undefined, name: kind, key: name })

/** The id of an execution's run: the execution's own where a run may have it. */
export const runIdOf = (executionId: string): Ids.RunId =>
  isRunId(executionId) && !Ids.isReservedRunId(executionId)
    ? executionId
    : Ids.RunId.make(digestOf("execution", executionId))

/** The ids of the interrupts that an execution waits for which is resumed by hand begin with this. */
export const resumePrefix = "workflow.resume."
