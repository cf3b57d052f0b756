/** The submission of every run in this benchmark. */
import { Ids, RequestSnapshot, type Runs } from "@runlease/core"

export const submission: Runs.Submission = {
  agentId: Ids.AgentId.make("bench"),
  snapshot: RequestSnapshot.fromText("What is the weather in Lisbon, and should I take a coat?"),
}
