/** Claimed runs made by hand, for tests of an executor without a control plane. */
import * as Ids from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import * as Run from "@runlease/core/Run"

const id = "00000000-0000-4000-8000-000000000001"

/** The first attempt of run `run-1` of agent `agent-1`, whose user says "What is new?". `changes` replaces its fields. */
export const make = (changes: Partial<Run.ClaimedRun> = {}): Run.ClaimedRun => ({
  runId: Ids.RunId.make("run-1"),
  projectId: Ids.ProjectId.make(id),
  conversationId: Ids.ConversationId.make(id),
  messageId: Ids.MessageId.make("00000000-0000-4000-8000-000000000002"),
  agentId: Ids.AgentId.make("agent-1"),
  status: "running",
  snapshot: RequestSnapshot.fromText("What is new?"),
  sourceTarget: Run.noTarget,
  runtimeTarget: Run.noTarget,
  latestEventId: Run.EventId.make(1),
  latestSequence: Run.Sequence.make(0),
  leaseOwner: id,
  leaseEpoch: Run.LeaseEpoch.make(1),
  leaseExpiresAt: null,
  attempt: 1,
  maxAttempts: 3,
  waitedMillis: 0,
  session: null,
  ...changes,
})
