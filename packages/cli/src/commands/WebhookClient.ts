/**
 * The ports of webhooks for commands, whose refusals say what to do next.
 */
import { Secrets, Webhooks, WebhookSources } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Effect } from "effect"
import * as Settings from "../input/Settings.js"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"

const failure = ({ message }: Error, hint: string) =>
  new CommandFailure({ message, hint, exitCode: ExitCode.error })

/** The failure of a command about webhooks, with what to do next. */
const explain = (error: unknown): unknown => {
  if (error instanceof Webhooks.InvalidEndpoint || error instanceof WebhookSources.InvalidSource) {
    return usage(`${SnakeCase.snakeCase(error.field)}: ${error.message}`)
  }
  if (error instanceof Webhooks.EndpointNotFound) {
    return failure(error, "List the endpoints of the project with: runlease webhooks list")
  }
  if (error instanceof Webhooks.DeliveryNotFound) {
    return failure(error, "List the messages of the project with: runlease webhooks deliveries")
  }
  if (error instanceof WebhookSources.SourceNotFound) {
    return failure(error, "List the sources of the project with: runlease webhook-sources list")
  }
  if (error instanceof Secrets.SecretsUnavailable) {
    return failure(
      error,
      "Give the server a key in RUNLEASE_SECRET_KEY, such as the output of: openssl rand -base64 32",
    )
  }
  return error
}

/** Provides the ports over the connection. A refusal says what to do next. */
export const withClient =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.mapError(Settings.withClient(connection)(effect), explain)
