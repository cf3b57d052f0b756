/** A claimed run for executors that run without a worker. */
import { AgentId, ConversationId, MessageId, RunId } from "../src/model/Ids.js"
import * as RequestSnapshot from "../src/model/RequestSnapshot.js"
import { type ClaimedRun, EventId, noTarget, Sequence } from "../src/model/Run.js"

export const claimed = (over: Partial<ClaimedRun> = {}): ClaimedRun => ({
  runId: RunId.make("run-1"),
  projectId: null,
  conversationId: ConversationId.make("00000000-0000-4000-8000-000000000001"),
  messageId: MessageId.make("00000000-0000-4000-8000-000000000002"),
  agentId: AgentId.make("echo"),
  status: "running",
  snapshot: RequestSnapshot.empty,
  sourceTarget: noTarget,
  runtimeTarget: noTarget,
  latestEventId: EventId.make(1),
  latestSequence: Sequence.make(0),
  leaseOwner: null,
  leaseEpoch: null,
  leaseExpiresAt: null,
  attempt: 1,
  maxAttempts: 3,
  waitedMillis: 0,
  session: null,
  ...over,
})
