/**
 * The ports of a project, over the API that Veryfront publishes: nothing is sent that is not in it.
 *
 * Where that API has less, this does without: claims come one at a time and are polled for, leases are renewed one by
 * one, a run is handed back by letting its lease lapse, and a cancellation is heard at the next renewal.
 *
 * The API takes no request with a run, and no result. A submission without a conversation gets one with the messages of its user, and its
 * input as a message of JSON. A run that is claimed without a request has the messages of its conversation. The result of a run, and the
 * detail of its failure, are `runlease_result` and `runlease_error_detail` of its metadata, which they replace. So agents with types are
 * submitted and executed here too. A worker has an executor for any agent in addition to theirs, since claims name no agent.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { ControlPlane, Schedules } from "@runlease/core"
import { Config, type ConfigError, Effect, Layer, type Redacted } from "effect"
import * as PublicApi from "./client/PublicApi.js"

/** `token` is an API key of `project`, which is a slug or an id. */
export interface VeryfrontOptions {
  /** `https://api.veryfront.com` when absent. */
  readonly baseUrl?: string | undefined
  readonly token: Redacted.Redacted
  readonly project: string
}

const publicUrl = "https://api.veryfront.com"

/**
 * The ports of a project, that of schedules among them.
 *
 * Fails: as those of `Client.layerWith`. What this API cannot do, such as to suspend a run, to claim by agent, or to submit
 * with a priority, is `ControlPlaneUnsupported`.
 */
export const layerWith = (
  options: VeryfrontOptions,
): Layer.Layer<ControlPlane.ProjectPorts | Schedules.Schedules, never, HttpClient.HttpClient> =>
  PublicApi.layer({ ...options, baseUrl: options.baseUrl ?? publicUrl })

/** As `layerWith`, from VERYFRONT_API_TOKEN, VERYFRONT_PROJECT and, where it is another, VERYFRONT_API_URL. */
export const layerConfig: Layer.Layer<
  ControlPlane.ProjectPorts | Schedules.Schedules,
  ConfigError.ConfigError,
  HttpClient.HttpClient
> = Layer.unwrapEffect(
  Effect.map(
    Config.all({
      baseUrl: Config.withDefault(Config.nonEmptyString("VERYFRONT_API_URL"), publicUrl),
      token: Config.redacted("VERYFRONT_API_TOKEN"),
      project: Config.nonEmptyString("VERYFRONT_PROJECT"),
    }),
    layerWith,
  ),
)
