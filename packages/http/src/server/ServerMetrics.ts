/** What the server measures. docs/telemetry.md lists it for readers. */
import * as Meter from "@runlease/core/Meter"

export const requests = Meter.counter({
  name: "runlease_server_requests_total",
  unit: "{request}",
  description: "Requests that were answered, by the status of the answer",
  labels: ["status"],
})

export const requestTime = Meter.histogram(
  {
    name: "runlease_server_request_seconds",
    unit: "s",
    description: "From when a request arrived to its answer, or to the beginning of its event stream",
  },
  Meter.seconds,
)

export const streams = Meter.gauge({
  name: "runlease_server_streams",
  unit: "{stream}",
  description: "Event streams and connections of workers that are open",
})

/** What became of a message of a webhook source. */
export type WebhookResult = "duplicate" | "forged" | "ignored" | "late" | "refused" | "started"

export const webhooks = Meter.counter({
  name: "runlease_webhooks_received_total",
  unit: "{message}",
  description: "Messages of webhook sources, by what became of them",
  labels: ["result"],
})

export const byWebhookResult = Meter.label("result")

export const all: ReadonlyArray<Meter.Meter> = [requests, requestTime, streams, webhooks]

export const byStatus = Meter.label("status")
