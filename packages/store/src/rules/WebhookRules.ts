/**
 * The rules of webhooks: which endpoints there can be, which events are messages to them, and what becomes of a message.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { uuidOf } from "@runlease/core/Digest"
import type * as Ids from "@runlease/core/Ids"
import { isTerminal } from "@runlease/core/Run"
import { expiredCode } from "@runlease/core/TimeLimits"
import { Delivery, Endpoint, type EventType } from "@runlease/core/Webhook"
import {
  type DeliveryOutcome,
  type EndpointChanges,
  InvalidEndpoint,
  type NewEndpoint,
} from "@runlease/core/Webhooks"
import { Either, ParseResult, Schema } from "effect"
import type { RunState } from "./RunState.js"
import type { SealedSecret } from "./SealedSecrets.js"

/** An endpoint as it is stored, with instants in milliseconds. Its newest secret comes first. */
export type EndpointRecord = typeof Endpoint.Encoded & { readonly secrets: ReadonlyArray<SealedSecret> }

/** A message as it is stored, with instants in milliseconds. */
export type DeliveryRecord = typeof Delivery.Encoded

const refuse = (field: string, message: string) => Either.left(new InvalidEndpoint({ field, message }))

/** The ports of HTTPS that a message may go to. */
const securePorts = new Set(["", "443", "8443"])

/** Names of this machine. The sender decides whether messages may go there. */
const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname)

/** The address as it is stored: without a part that is not sent. */
const checkUrl = (text: string): Either.Either<string, InvalidEndpoint> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return refuse("url", "must be an absolute address, such as https://example.com/hook")
  if (url.username !== "" || url.password !== "") {
    return refuse("url", "must have no user and no password; the signature shows who sends")
  }
  if (url.protocol === "http:" && isLoopback(url.hostname)) return Either.right(url.href)
  if (url.protocol !== "https:") return refuse("url", "must begin with https://")
  return securePorts.has(url.port) ? Either.right(url.href) : refuse("url", "must have port 443 or 8443")
}

const checked = Endpoint.pick("url", "events", "agentIds", "labels", "description")
const validate = Schema.validateEither(checked)

/** What its maker says of an endpoint. */
export type EndpointDefinition = Pick<EndpointRecord, keyof typeof checked.Type>

export const checkEndpoint = (input: NewEndpoint): Either.Either<EndpointDefinition, InvalidEndpoint> =>
  Either.gen(function* () {
    const { agentIds = null, description = null, events, labels = {} } = input
    const definition = { url: input.url, events: Array.from(new Set(events)), agentIds, labels, description }
    const valid = yield* Either.mapLeft(validate(definition), (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return new InvalidEndpoint({
        field: issue?.path.map(String).join(".") ?? "",
        message: issue?.message.split("\n")[0] ?? "is malformed",
      })
    })
    return { ...valid, url: yield* checkUrl(input.url) }
  })

/** An endpoint with some fields changed. */
export const changeEndpoint = (
  record: EndpointRecord,
  { enabled, ...changes }: EndpointChanges,
  now: number,
): Either.Either<EndpointRecord, InvalidEndpoint> =>
  Either.map(checkEndpoint({ ...record, ...changes }), (definition): EndpointRecord => {
    const changed = { ...record, ...definition, updatedAt: now }
    if (enabled === undefined) return changed
    return enabled
      ? { ...changed, status: "enabled", disabledReason: null, failingSince: null }
      : { ...changed, status: "disabled", disabledReason: null }
  })

/** Something that may be a message to the endpoints of a project. `key` names it for good: the same event is the same message. */
export interface WebhookEvent {
  readonly projectId: Ids.ProjectId
  readonly type: EventType
  readonly key: string
  /** The run that it is about. */
  readonly run?: { readonly runId: string; readonly agentId: string } | undefined
  /** The runs of the schedule that it is about. */
  readonly schedule?:
    | { readonly agentId: string; readonly labels: Readonly<Record<string, string>> }
    | undefined
  readonly data: Readonly<Record<string, unknown>>
}

/** What a waiting run needs from somebody else. A time and its children come by themselves. */
const needsOf = ({ waiting }: RunState): ReadonlyArray<string> =>
  waiting === null
    ? []
    : [
        ...(waiting.interrupts.length > 0 ? ["answers"] : []),
        ...(waiting.inbox === undefined ? [] : ["message"]),
        ...(waiting.budget === true ? ["budget"] : []),
      ]

/** The types of the events of a run that has just got this state. */
const typesOf = (state: RunState): ReadonlyArray<EventType> => {
  if (state.status === "cancelled" && state.error?.code === expiredCode) return ["run.expired"]
  if (isTerminal(state.status)) return [`run.${state.status}`]
  if (state.status !== "waiting") return []
  const needs = needsOf(state)
  return needs.length === 0
    ? []
    : needs.includes("budget")
      ? ["run.waiting", "budget.reached"]
      : ["run.waiting"]
}

/** The events of a run whose status has changed. They have no labels yet. */
export const ofRun = (state: RunState): ReadonlyArray<WebhookEvent> => {
  const { latestEventId, spec, status, waiting } = state
  const { agentId, createdAt, projectId, runId } = spec
  return typesOf(state).map((type) => ({
    projectId,
    type,
    key: `${type} ${runId} ${createdAt} ${latestEventId}`,
    run: { runId, agentId },
    data: {
      run_id: runId,
      project_id: projectId,
      agent_id: agentId,
      status,
      event_id: latestEventId,
      ...(status === "waiting"
        ? { waiting_for: needsOf(state), interrupt_ids: waiting?.interrupts.map(({ id }) => id) ?? [] }
        : {}),
    },
  }))
}

/** Whether an event is a message to an endpoint. `labels`: those of its run, or of the runs of its schedule. */
export const matches = (
  endpoint: EndpointRecord,
  { projectId, run, schedule, type }: WebhookEvent,
  labels: Readonly<Record<string, string>>,
): boolean => {
  const agentId = run?.agentId ?? schedule?.agentId
  return (
    endpoint.status === "enabled" &&
    endpoint.projectId === projectId &&
    endpoint.events.includes(type) &&
    (endpoint.agentIds === null || (agentId !== undefined && endpoint.agentIds.includes(agentId))) &&
    Object.entries(endpoint.labels).every(([name, value]) => labels[name] === value)
  )
}

/** The message about an event to an endpoint, which is due. */
export const message = (
  { id: endpointId, projectId }: Pick<EndpointRecord, "id" | "projectId">,
  { data, key, run, type }: Omit<WebhookEvent, "projectId">,
  now: number,
): DeliveryRecord => ({
  id: `msg_${uuidOf(`webhook ${endpointId} ${key}`)}`,
  projectId,
  endpointId,
  type,
  runId: run?.runId ?? null,
  data,
  status: "pending",
  attempt: 0,
  nextAt: now,
  lastStatus: null,
  lastError: null,
  createdAt: now,
  updatedAt: now,
  finishedAt: null,
})

/** A message that somebody sends, whose claim ends at an instant. */
export const claim = (record: DeliveryRecord, until: number, now: number): DeliveryRecord => ({
  ...record,
  attempt: record.attempt + 1,
  nextAt: until,
  updatedAt: now,
})

const end = (
  record: DeliveryRecord,
  status: "delivered" | "dead",
  last: Pick<DeliveryRecord, "lastError" | "lastStatus">,
  now: number,
): DeliveryRecord => ({ ...record, ...last, status, nextAt: null, updatedAt: now, finishedAt: now })

/** A message that has no endpoint to go to. */
export const abandon = (record: DeliveryRecord, reason: string, now: number): DeliveryRecord =>
  end(record, "dead", { lastStatus: record.lastStatus, lastError: reason }, now)

/** A message after an attempt. */
export const settle = (record: DeliveryRecord, outcome: DeliveryOutcome, now: number): DeliveryRecord => {
  switch (outcome._tag) {
    case "Delivered":
      return end(record, "delivered", { lastStatus: outcome.status, lastError: null }, now)
    case "Gone":
      return end(record, "dead", { lastStatus: outcome.status, lastError: "the endpoint is gone" }, now)
    case "Failed": {
      const last = { lastStatus: outcome.status, lastError: outcome.error }
      return outcome.retryMillis === null
        ? end(record, "dead", last, now)
        : { ...record, ...last, nextAt: now + outcome.retryMillis, updatedAt: now }
    }
  }
}

/** A message that is sent again from the start. */
export const retry = (record: DeliveryRecord, now: number): DeliveryRecord => ({
  ...record,
  status: "pending",
  attempt: 0,
  nextAt: now,
  finishedAt: null,
  updatedAt: now,
})

/** How long an endpoint may fail before it is disabled. */
const mostFailingMillis = 5 * 24 * 60 * 60 * 1000

/** An endpoint after an attempt: the same where nothing of it changes. */
export const afterAttempt = (
  record: EndpointRecord,
  outcome: DeliveryOutcome,
  now: number,
): EndpointRecord => {
  const disable = (disabledReason: string): EndpointRecord => ({
    ...record,
    status: "disabled",
    disabledReason,
    updatedAt: now,
  })
  if (record.status === "disabled") return record
  switch (outcome._tag) {
    case "Delivered":
      return record.failingSince === null ? record : { ...record, failingSince: null }
    case "Gone":
      return disable(`it answered ${outcome.status}, which says that it is gone`)
    case "Failed":
      if (record.failingSince === null) return { ...record, failingSince: now }
      return now - record.failingSince < mostFailingMillis
        ? record
        : disable("each attempt of the last 5 days has failed")
  }
}

/** How long a message stays after its end, where finished runs are deleted. */
export const keptMillis = 30 * 24 * 60 * 60 * 1000

export const toEndpoint = ({ secrets: _secrets, ...endpoint }: EndpointRecord): Endpoint =>
  Schema.decodeSync(Endpoint)(endpoint)

export const toDelivery: (record: DeliveryRecord) => Delivery = Schema.decodeSync(Delivery)
