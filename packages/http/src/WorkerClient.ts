/** The ports of a project for a worker whose executors may block the event loop: its leases are renewed on a thread. */
import type * as HttpClient from "@effect/platform/HttpClient"
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
import type { Duration, Layer } from "effect"
import type { ClientOptions } from "./Client.js"
import * as Ports from "./client/Ports.js"
import * as RenewalThread from "./client/RenewalThread.js"

/** The thread connects with `node:http` or `node:https`, and uses nothing of the `HttpClient` but the URL and the token. */
export interface WorkerClientOptions extends ClientOptions {
  /**
   * How long the event loop may stand still before its leases are not renewed any more, a lease at least. Twice the lease, and
   * 60 seconds at least, when absent. The runs of a worker that is stuck are with others after this and a lease at most.
   */
  readonly stallLimit?: Duration.DurationInput | undefined
  /** How the thread writes to stderr that the limit has passed: the event loop, which has the log, is blocked. */
  readonly logFormat?: "logfmt" | "json" | undefined
}

/**
 * The ports of `Client.layerWith`, with `RenewalRounds` on a thread. The thread starts with the first lease of a worker and
 * ends with the worker. If it ends early, or the server renews leases only one by one, they are renewed on the event loop,
 * and a warning says so.
 *
 * Units: the thread takes some 10 MB of memory.
 * Source: docs/decisions/0076-renewal-on-a-thread.md
 */
export const layerWith = (
  options: WorkerClientOptions,
): Layer.Layer<
  | ControlPlane.ProjectPorts
  | RenewalRounds.RenewalRounds
  | RunTokens.RunTokens
  | BrowserTokens.BrowserTokens
  | BulkOperations.BulkOperations
  | Callbacks.Callbacks
  | RefusedRows.RefusedRows
  | Rollouts.Rollouts
  | Schedules.Schedules
  | Webhooks.Webhooks
  | WebhookSources.WebhookSources,
  never,
  HttpClient.HttpClient
> => Ports.layerWith({ ...options, project: options.project ?? "default" }, RenewalThread.layer(options))
