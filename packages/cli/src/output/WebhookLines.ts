/**
 * Formats webhook endpoints and their messages, as lines for people and as JSON for machines.
 */
import type { Webhook } from "@runlease/core"
import * as WebhookWire from "@runlease/http/WebhookWire"
import { type DateTime, Schema } from "effect"
import * as Output from "./Output.js"
import * as Phrases from "./Phrases.js"

/** The endpoint as the API shows it. */
export const toJson = Schema.encodeSync(WebhookWire.Endpoint)

/** The message as the API shows it. */
export const deliveryJson = Schema.encodeSync(WebhookWire.Delivery)

type State = Webhook.Endpoint["status"] | "failing"

/** `failing`: its last attempt failed. */
const stateOf = ({ failingSince, status }: Webhook.Endpoint): State =>
  status === "enabled" && failingSince !== null ? "failing" : status

const colours: Readonly<Record<State | Webhook.DeliveryStatus, Parameters<Output.Paint>[0]>> = {
  enabled: "green",
  failing: "yellow",
  disabled: "red",
  pending: "yellow",
  delivered: "green",
  dead: "red",
}

const labelsOf = ({ labels }: Webhook.Endpoint): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ")

const dateOf = (at: DateTime.Utc | null): string => (at === null ? "" : Phrases.date(at))

/** The headings of `toRow`. */
export const headings = ["ENDPOINT", "URL", "EVENTS", "AGENTS", "LABELS", "STATUS"]

/** The endpoint as a row below `headings`. */
export const toRow = (endpoint: Webhook.Endpoint, paint: Output.Paint): ReadonlyArray<string> => {
  const state = stateOf(endpoint)
  return [
    endpoint.id,
    endpoint.url,
    endpoint.events.join(", "),
    endpoint.agentIds?.join(", ") ?? "all",
    labelsOf(endpoint),
    paint(colours[state], state),
  ]
}

/** The endpoint as lines, and what to do where it is disabled. */
export const toText = (endpoint: Webhook.Endpoint): string => {
  const { createdAt, disabledReason, failingSince, id } = endpoint
  const state = stateOf(endpoint)
  const fields = {
    endpoint: id,
    url: endpoint.url,
    description: endpoint.description,
    status: disabledReason === null ? state : `${state}: ${disabledReason}`,
    "failing since": failingSince === null ? null : `${Phrases.date(failingSince)} UTC`,
    events: endpoint.events.join(", "),
    agents: endpoint.agentIds?.join(", ") ?? "all",
    labels: labelsOf(endpoint) || null,
    created: `${Phrases.date(createdAt)} UTC`,
  }
  const lines = Output.fields(fields)
  const next =
    state === "disabled"
      ? `Enable it with: runlease webhooks update ${id} --enable`
      : `See what was sent with: runlease webhooks deliveries --endpoint ${id}`
  return [...lines, "", next].join("\n")
}

/** The headings of `deliveryRow`. */
export const deliveryHeadings = [
  "MESSAGE",
  "EVENT",
  "RUN",
  "CREATED (UTC)",
  "ATTEMPTS",
  "NEXT (UTC)",
  "STATUS",
  "LAST ANSWER",
]

/** The message as a row below `deliveryHeadings`. */
export const deliveryRow = (delivery: Webhook.Delivery, paint: Output.Paint): ReadonlyArray<string> => [
  delivery.id,
  delivery.type,
  delivery.runId ?? "",
  dateOf(delivery.createdAt),
  String(delivery.attempt),
  dateOf(delivery.nextAt),
  paint(colours[delivery.status], delivery.status),
  delivery.lastError ?? delivery.lastStatus?.toString() ?? "",
]
