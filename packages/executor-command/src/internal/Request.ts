/** The JSON document that a program reads from its stdin. */
import { Ids, RequestSnapshot, Run } from "@runlease/core"
import { Effect, Schema } from "effect"

const Request = Schema.parseJson(
  Schema.Struct({
    run_id: Ids.RunId,
    agent_id: Ids.AgentId,
    conversation_id: Ids.ConversationId,
    attempt: Schema.NonNegativeInt,
    lease_epoch: Schema.NullOr(Run.LeaseEpoch),
    snapshot: RequestSnapshot.RequestSnapshot,
    work_dir: Schema.String,
  }),
)

export const encode = (run: Run.ClaimedRun, workDir: string): Effect.Effect<string> =>
  Schema.encode(Request)({
    run_id: run.runId,
    agent_id: run.agentId,
    conversation_id: run.conversationId,
    attempt: run.attempt,
    lease_epoch: run.leaseEpoch,
    snapshot: run.snapshot,
    work_dir: workDir,
    // A claimed run was decoded from JSON, so encoding cannot fail.
  }).pipe(Effect.orDie)
