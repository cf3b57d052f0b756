/** The payload of a fork whose edits change it, or the agent that reads it: the forms of that agent say whether it fits. */
import { Effect } from "effect"
import type * as Ids from "../model/Ids.js"
import type { RunNotFound } from "../model/Run.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { ForkOptions, Runs } from "./Runs.js"

/** `field`: the edit that is refused where the payload does not fit. */
interface EditedPayload {
  readonly field: string
  readonly agentId: Ids.AgentId
  readonly input: unknown
}

/** None where no edit is of the payload or of the agent. Reads nothing then. */
export const payloadOf = (
  runs: Runs["Type"],
  runId: Ids.RunId,
  edits: NonNullable<ForkOptions["edits"]>,
): Effect.Effect<EditedPayload | undefined, RunNotFound | ControlPlaneError> => {
  const input = edits.findIndex(({ type }) => type === "input")
  const agent = edits.findIndex(({ type }) => type === "agent")
  if (input < 0 && agent < 0) return Effect.succeed(undefined)
  return Effect.gen(function* () {
    const byInput = edits[input]
    const byAgent = edits[agent]
    return {
      field: input < 0 ? `edits.${agent}.agentId` : `edits.${input}.input`,
      agentId: byAgent?.type === "agent" ? byAgent.agentId : (yield* runs.get(runId)).agentId,
      input: byInput?.type === "input" ? byInput.input : (yield* runs.snapshot(runId, { own: true })).input,
    }
  })
}
