/** The endpoints that the pages use, and what each answers. A test compares them with the API's description. */
import type * as Json from "@runlease/http/Json"

export const paths = {
  session: "GET /session",
  signIn: "POST /session",
  signOut: "DELETE /session",
  statistics: "GET /projects/:project/statistics",
  attention: "GET /projects/:project/attention",
  runSummaries: "GET /projects/:project/run-summaries",
  runCounts: "GET /projects/:project/run-counts",
  projectLive: "GET /projects/:project/live",
  workerSummaries: "GET /projects/:project/worker-summaries",
  lostLeases: "GET /projects/:project/lost-leases",
  agents: "GET /projects/:project/agents",
  held: "GET /agent-workers/workers/:worker/leases",
  drain: "POST /agent-workers/workers/:worker/drain",
  submit: "POST /runs",
  run: "GET /runs/:run",
  runSummary: "GET /runs/:run/summary",
  standing: "GET /runs/:run/standing",
  snapshot: "GET /runs/:run/snapshot",
  events: "GET /runs/:run/events",
  usage: "GET /runs/:run/usage",
  runLive: "GET /runs/:run/live",
  cancel: "POST /runs/:run/cancel",
  retry: "POST /runs/:run/retry",
  fork: "POST /runs/:run/fork",
  tell: "POST /runs/:run/messages",
  resume: "POST /runs/:run/resume",
  conversations: "GET /conversations",
  conversation: "GET /conversations/:conversation",
  changeConversation: "PATCH /conversations/:conversation",
  removeConversation: "DELETE /conversations/:conversation",
  branchConversation: "POST /conversations/:conversation/branches",
  messages: "GET /conversations/:conversation/messages",
  addMessage: "POST /conversations/:conversation/messages",
  schedules: "GET /projects/:project/schedules",
  createSchedule: "POST /projects/:project/schedules",
  schedule: "GET /projects/:project/schedules/:schedule",
  updateSchedule: "PATCH /projects/:project/schedules/:schedule",
  removeSchedule: "DELETE /projects/:project/schedules/:schedule",
  pauseSchedule: "POST /projects/:project/schedules/:schedule/pause",
  resumeSchedule: "POST /projects/:project/schedules/:schedule/resume",
  runSchedule: "POST /projects/:project/schedules/:schedule/runs",
  backfillSchedule: "POST /projects/:project/schedules/:schedule/backfill",
  upcoming: "GET /projects/:project/schedules/:schedule/upcoming",
  bulks: "GET /projects/:project/bulk",
  beginBulk: "POST /projects/:project/bulk",
  bulk: "GET /projects/:project/bulk/:bulk",
  abortBulk: "POST /projects/:project/bulk/:bulk/abort",
  limits: "GET /projects/:project/limits",
  namedLimit: "GET /projects/:project/limits/:limit",
  defineLimit: "PUT /projects/:project/limits/:limit",
  removeLimit: "DELETE /projects/:project/limits/:limit",
  setAgentLimit: "PUT /projects/:project/agents/:agent/limit",
  setProjectLimit: "PUT /projects/:project/limit",
  pauseLimit: "POST /projects/:project/limits/pause",
  resumeLimit: "POST /projects/:project/limits/resume",
  pauseProject: "POST /projects/:project/pause",
  resumeProject: "POST /projects/:project/resume",
  pauseAgent: "POST /projects/:project/agents/:agent/pause",
  resumeAgent: "POST /projects/:project/agents/:agent/resume",
  webhooks: "GET /projects/:project/webhook-endpoints",
  createWebhook: "POST /projects/:project/webhook-endpoints",
  webhook: "GET /projects/:project/webhook-endpoints/:endpoint",
  updateWebhook: "PATCH /projects/:project/webhook-endpoints/:endpoint",
  removeWebhook: "DELETE /projects/:project/webhook-endpoints/:endpoint",
  rotateWebhook: "POST /projects/:project/webhook-endpoints/:endpoint/rotate",
  testWebhook: "POST /projects/:project/webhook-endpoints/:endpoint/test",
  retryWebhook: "POST /projects/:project/webhook-endpoints/:endpoint/retry",
  deliveries: "GET /projects/:project/webhook-deliveries",
  retryDelivery: "POST /projects/:project/webhook-deliveries/:delivery/retry",
  webhookSources: "GET /projects/:project/webhook-sources",
  removeSource: "DELETE /projects/:project/webhook-sources/:source",
  refusedRows: "GET /projects/:project/outbox/refused",
  retryRows: "POST /projects/:project/outbox/refused/retry",
  discardRows: "POST /projects/:project/outbox/refused/discard",
} as const

export interface Page<A> {
  readonly data: ReadonlyArray<A>
  readonly page_info: { readonly next: string | null }
}

export interface Submitted {
  readonly run: Json.CanonicalRun
  readonly duplicate: boolean
}

/** The secret is in no other answer. */
export interface EndpointWithSecret {
  readonly endpoint: Json.WebhookEndpoint
  readonly secret: string
}

/** A time of a schedule, and when its run begins. */
export interface Tick {
  readonly nominal_at: string
  readonly at: string
}

interface Replies {
  readonly session: Json.Session
  readonly signIn: Json.Session
  readonly signOut: undefined
  readonly statistics: Json.ProjectStatistics
  readonly attention: Json.Attention
  readonly runSummaries: Page<Json.RunSummary> & { readonly searched: number | null }
  readonly runCounts: Json.StatusCounts
  readonly projectLive: never
  readonly workerSummaries: Page<Json.WorkerSummary>
  readonly lostLeases: { readonly data: ReadonlyArray<Json.LostLease> }
  readonly agents: { readonly data: ReadonlyArray<Json.Agent> }
  readonly held: { readonly data: ReadonlyArray<Json.RunSummary> }
  readonly drain: Json.Worker
  readonly submit: Submitted
  readonly run: Json.CanonicalRun
  readonly runSummary: Json.RunSummary
  readonly standing: Json.Standing
  readonly snapshot: Json.Snapshot
  readonly events: Json.LogPage
  readonly usage: Json.Usage
  readonly runLive: never
  readonly cancel: { readonly cancelled: boolean; readonly run: Json.CanonicalRun }
  readonly retry: Submitted
  readonly fork: Submitted
  readonly tell: { readonly message_id: string; readonly duplicate: boolean }
  readonly resume: { readonly duplicate: boolean; readonly run: Json.CanonicalRun }
  readonly conversations: Page<Json.Conversation>
  readonly conversation: Json.Conversation
  readonly changeConversation: Json.Conversation
  readonly removeConversation: { readonly deleted: boolean }
  readonly branchConversation: Json.Conversation
  readonly messages: Page<Json.ConversationMessage>
  readonly addMessage: Json.ConversationMessage
  readonly schedules: {
    readonly schedules: ReadonlyArray<Json.Schedule>
    readonly page_info?: { readonly next: string | null } | undefined
  }
  readonly createSchedule: { readonly schedule: Json.Schedule }
  readonly schedule: Json.Schedule
  readonly updateSchedule: { readonly schedule: Json.Schedule }
  readonly removeSchedule: { readonly deleted: boolean }
  readonly pauseSchedule: { readonly schedule: Json.Schedule }
  readonly resumeSchedule: { readonly schedule: Json.Schedule }
  readonly runSchedule: { readonly run_id: string }
  readonly backfillSchedule: {
    readonly ticks: ReadonlyArray<{
      readonly nominal_at: string
      readonly run_id: string
      readonly duplicate: boolean
    }>
    readonly more: boolean
  }
  readonly upcoming: { readonly ticks: ReadonlyArray<Tick> }
  readonly bulks: Page<Json.Bulk>
  readonly beginBulk: { readonly bulk: Json.Bulk }
  readonly bulk: { readonly bulk: Json.Bulk }
  readonly abortBulk: { readonly bulk: Json.Bulk }
  readonly limits: Page<Json.Limit>
  readonly namedLimit: Json.NamedLimit
  readonly defineLimit: Json.NamedLimit
  readonly removeLimit: { readonly deleted: boolean }
  readonly setAgentLimit: Json.Limit
  readonly setProjectLimit: Json.Limit
  readonly pauseLimit: Json.Limit
  readonly resumeLimit: Json.Limit
  readonly pauseProject: Json.Limit
  readonly resumeProject: Json.Limit
  readonly pauseAgent: Json.Limit
  readonly resumeAgent: Json.Limit
  readonly webhooks: Page<Json.WebhookEndpoint>
  readonly createWebhook: EndpointWithSecret
  readonly webhook: { readonly endpoint: Json.WebhookEndpoint }
  readonly updateWebhook: { readonly endpoint: Json.WebhookEndpoint }
  readonly removeWebhook: { readonly deleted: boolean }
  readonly rotateWebhook: EndpointWithSecret
  readonly testWebhook: { readonly delivery: Json.WebhookDelivery }
  readonly retryWebhook: { readonly retried: number }
  readonly webhookSources: Page<Json.WebhookSource>
  readonly removeSource: { readonly deleted: boolean }
  readonly refusedRows: Page<Json.RefusedRow>
  readonly retryRows: { readonly rows: number }
  readonly discardRows: { readonly rows: number }
  readonly deliveries: Page<Json.WebhookDelivery>
  readonly retryDelivery: { readonly delivery: Json.WebhookDelivery }
}

export type Reply<N extends keyof typeof paths> = Replies[N]
