/** A run of tests of the state machine, as it is submitted. */
import { AgentId, ConversationId, MessageId, ProjectId, RunId, WorkerId } from "@runlease/core/Ids"
import type { RunSpec } from "../src/rules/RunState.js"

export const uuid = (n: number) => `00000000-0000-4000-8000-00000000000${n}`

export const workerId = WorkerId.make(uuid(1))

export const spec: RunSpec = {
  projectId: ProjectId.make(uuid(2)),
  runId: RunId.make("run-1"),
  conversationId: ConversationId.make(uuid(3)),
  messageId: MessageId.make(uuid(4)),
  agentId: AgentId.make("echo"),
  implementationKind: null,
  workerKey: null,
  versionPolicy: null,
  lane: "lane",
  limit: null,
  concurrencyLimit: null,
  debounceKey: null,
  namedLimits: null,
  priority: 0,
  maxAttempts: 2,
  createdAt: 1000,
  timeLimits: null,
  fairness: null,
  child: null,
}
