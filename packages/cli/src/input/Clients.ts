/**
 * The ports of a project over HTTP, by undici.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import type {
  BrowserTokens,
  BulkOperations,
  Callbacks,
  ControlPlane,
  RefusedRows,
  Rollouts,
  Schedules,
  Webhooks,
  WebhookSources,
} from "@runlease/core"
import type { RunTokens } from "@runlease/core/executor"
import type * as RenewalRounds from "@runlease/core/RenewalRounds"
import * as Client from "@runlease/http/Client"
import * as WorkerClient from "@runlease/http/WorkerClient"
import { Layer, type Redacted } from "effect"

export type Ports =
  | ControlPlane.ProjectPorts
  | BrowserTokens.BrowserTokens
  | BulkOperations.BulkOperations
  | Callbacks.Callbacks
  | RunTokens.RunTokens
  | RefusedRows.RefusedRows
  | Rollouts.Rollouts
  | Schedules.Schedules
  | Webhooks.Webhooks
  | WebhookSources.WebhookSources

export type Renewal = Pick<WorkerClient.WorkerClientOptions, "stallLimit" | "logFormat">

interface Connection {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly project: string
}

export const client = ({ project, token, url }: Connection): Layer.Layer<Ports> =>
  Layer.provide(Client.layerWith({ baseUrl: url, token, project }), NodeHttpClient.layerUndici)

/** As `client`, for a worker: it has one connection, and its leases are renewed on a thread. */
export const workerClient = (
  { project, token, url }: Connection,
  renewal: Renewal,
): Layer.Layer<Ports | RenewalRounds.RenewalRounds> =>
  Layer.provide(
    WorkerClient.layerWith({ ...renewal, baseUrl: url, token, project }),
    Layer.merge(NodeHttpClient.layerUndici, NodeSocket.layerWebSocketConstructor),
  )
