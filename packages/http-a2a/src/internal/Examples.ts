/** Examples of the endpoints of A2A. */
import { conversationId, submittedAt } from "@runlease/http/Api/examples/Values"
import { of as cardOf } from "./AgentCard.js"

const card = cardOf("writer", "http://127.0.0.1:8080/a2a/writer")

const place = { taskId: "report-1", contextId: conversationId }

const task = {
  id: place.taskId,
  contextId: place.contextId,
  status: { state: "TASK_STATE_COMPLETED", timestamp: submittedAt },
  artifacts: [{ artifactId: "answer", parts: [{ text: "Three pages.", mediaType: "text/plain" }] }],
  history: [{ messageId: "m1", ...place, role: "ROLE_USER", parts: [{ text: "Write the report" }] }],
}

const { artifacts: _artifacts, ...listed } = task

const notSupported = { answer: {} }

export const examples = {
  "a2aCard.agentCard": { answer: card },
  "a2a.rpc": { answer: { jsonrpc: "2.0", id: 1, result: { task } } },
  "a2a.send": { answer: { task } },
  "a2a.tasks": { answer: { tasks: [listed], nextPageToken: "", pageSize: 50, totalSize: 1 } },
  "a2a.task": { answer: task },
  "a2a.taskOperation": { answer: { ...task, status: { ...task.status, state: "TASK_STATE_CANCELED" } } },
  "a2a.extendedCard": { answer: card },
  "a2a.createPushConfig": notSupported,
  "a2a.listPushConfigs": notSupported,
  "a2a.getPushConfig": notSupported,
  "a2a.deletePushConfig": notSupported,
}
