/** Examples of webhooks, out and in. */
import { keyId, page, projectId, submittedAt } from "./Values.js"

const endpointId = "01a20000-0000-7000-8000-000000000008"

const sentEndpoint = {
  url: "https://example.com/runlease",
  events: ["run.completed", "run.failed"],
  agent_ids: ["writer"],
  labels: { team: "a" },
  description: "Tickets",
}

const endpoint = {
  id: endpointId,
  project_id: projectId,
  ...sentEndpoint,
  status: "enabled",
  disabled_reason: null,
  failing_since: null,
  created_by: keyId,
  created_at: submittedAt,
  updated_at: submittedAt,
}

const delivery = {
  id: "msg_8b0c8f0e-93c1-8a55-9d3b-1f2a3b4c5d6e",
  project_id: projectId,
  endpoint_id: endpointId,
  type: "run.completed",
  run_id: "ticket-4711",
  data: {
    run_id: "ticket-4711",
    project_id: projectId,
    agent_id: "writer",
    status: "completed",
    event_id: 12,
    labels: { team: "a" },
  },
  status: "pending",
  attempt: 0,
  next_at: submittedAt,
  last_status: null,
  last_error: null,
  created_at: submittedAt,
  updated_at: submittedAt,
  finished_at: null,
}

const withSecret = { endpoint, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=" }

const sentSource = {
  scheme: "github",
  agent_id: "writer",
  events: ["issues.opened"],
  prompt: "Fix {{payload.issue.title}}",
}

const source = {
  name: "github-issues",
  project_id: projectId,
  ...sentSource,
  path: `/hooks/${projectId}/github-issues`,
  created_by: keyId,
  created_at: submittedAt,
  updated_at: submittedAt,
}

const sourceWithSecret = { source, secret: withSecret.secret }

/** Examples of the endpoints of webhook sources, and of what they post. */
export const ofSources = {
  "webhookSources.defineSource": { sent: sentSource, answer: sourceWithSecret },
  "webhookSources.list": { answer: page([source]) },
  "webhookSources.get": { answer: { source } },
  "webhookSources.remove": { answer: { deleted: true } },
  "webhookSources.rotateSource": { sent: { expires_in_seconds: 3600 }, answer: sourceWithSecret },
  "hooks.receive": {
    sent: { action: "opened", issue: { number: 7, title: "The export is empty" } },
    answer: { run_id: "webhook:github-issues:8b0c8f0e-93c1-8a55-9d3b-1f2a3b4c5d6e", duplicate: false },
  },
}

/** Examples of the endpoints of webhooks out. */
export const ofEndpoints = {
  "webhooks.create": { sent: sentEndpoint, answer: withSecret },
  "webhooks.list": { answer: page([endpoint]) },
  "webhooks.get": { answer: { endpoint } },
  "webhooks.update": { sent: { enabled: false }, answer: { endpoint: { ...endpoint, status: "disabled" } } },
  "webhooks.remove": { answer: { deleted: true } },
  "webhooks.rotate": { sent: { expires_in_seconds: 3600 }, answer: withSecret },
  "webhooks.test": { answer: { delivery } },
  "webhooks.retryAll": { sent: { since: submittedAt }, answer: { retried: 3 } },
  "webhooks.deliveries": { answer: page([delivery]) },
  "webhooks.retry": { answer: { delivery } },
}
