/** Why the wait for a run ends without its value. */
import { Schema } from "effect"
import { RunError } from "../model/Run.js"

/** The run has failed or was cancelled, with no failure that its agent declares. */
export class RunFailed extends Schema.TaggedError<RunFailed>("@runlease/core/RunFailed")("RunFailed", {
  runId: Schema.String,
  agentId: Schema.String,
  status: Schema.Literal("failed", "cancelled"),
  error: Schema.NullOr(RunError),
}) {
  override get message() {
    const end = this.status === "failed" ? "has failed" : "was cancelled"
    return `Run ${this.runId} of agent ${this.agentId} ${end}: ${this.error?.message ?? "no reason was given"}`
  }
}

/**
 * The run has completed, and its result does not fit the schema of the agent: the schema has changed since, or the run is of another
 * agent.
 */
export class ResultUnreadable extends Schema.TaggedError<ResultUnreadable>("@runlease/core/ResultUnreadable")(
  "ResultUnreadable",
  { runId: Schema.String, agentId: Schema.String, problem: Schema.String },
) {
  override get message() {
    return `Run ${this.runId} has completed. ${this.problem}`
  }
}
