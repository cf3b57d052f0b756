/** The ports of a project, over a server that speaks the contract: Runlease's own or another. */
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
import { Config, type ConfigError, Effect, Layer, type Redacted } from "effect"
import * as Ports from "./client/Ports.js"

/** `token` is an API key of `project`, which is a slug or an id. */
export interface ClientOptions {
  readonly baseUrl: string
  readonly token: Redacted.Redacted
  readonly project?: string | undefined
}

/**
 * The ports of a project, those of schedules, bulk operations and webhooks among them. A worker that registers here uses its own token from then on, and can make tokens of the runs that
 * it holds, for their programs.
 *
 * Units: an answer is awaited for 10 seconds, a claim that waits for as much longer.
 * Fails: never as a layer. A server that cannot be reached, is overloaded or answers 5xx is `ControlPlaneUnavailable`;
 * a token that it refuses is `ControlPlaneRefused`; an operation that it lacks is `ControlPlaneUnsupported`.
 */
export const layerWith = (
  options: ClientOptions,
): Layer.Layer<
  | ControlPlane.ProjectPorts
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
> => Ports.layer({ ...options, project: options.project ?? "default" })

/** As `layerWith`, from RUNLEASE_URL, RUNLEASE_API_KEY and RUNLEASE_PROJECT (`default` when absent). */
export const layerConfig: Layer.Layer<
  | ControlPlane.ProjectPorts
  | RunTokens.RunTokens
  | BrowserTokens.BrowserTokens
  | BulkOperations.BulkOperations
  | Callbacks.Callbacks
  | RefusedRows.RefusedRows
  | Rollouts.Rollouts
  | Schedules.Schedules
  | Webhooks.Webhooks
  | WebhookSources.WebhookSources,
  ConfigError.ConfigError,
  HttpClient.HttpClient
> = Layer.unwrapEffect(
  Effect.map(
    Config.all({
      baseUrl: Config.nonEmptyString("RUNLEASE_URL"),
      token: Config.redacted(Config.nonEmptyString("RUNLEASE_API_KEY")),
      project: Config.withDefault(Config.nonEmptyString("RUNLEASE_PROJECT"), "default"),
    }),
    layerWith,
  ),
)
