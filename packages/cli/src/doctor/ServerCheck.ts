/**
 * Whether a server answers, and whether its store does.
 */
import * as HttpClientError from "@effect/platform/HttpClientError"
import { HealthCheck } from "@runlease/core"
import type * as Api from "@runlease/http/Api"
import * as Unreachable from "@runlease/http/Unreachable"
import { Duration, Effect } from "effect"
import * as Phrases from "../output/Phrases.js"

const failureOf = (url: string, error: unknown): HealthCheck.Finding =>
  error instanceof HttpClientError.RequestError
    ? HealthCheck.fail(
        `${Unreachable.message(error)}.`,
        "Start runlease serve there, or name another server with --url or RUNLEASE_URL.",
      )
    : HealthCheck.fail(
        `What answers at ${url} is not a Runlease server.`,
        "Check --url or RUNLEASE_URL, and what a proxy in front of the server does.",
      )

/** `client` needs no key. */
export const check = ({ health }: Api.Client, url: string): HealthCheck.HealthCheck => ({
  name: "server",
  examine: Effect.match(health.healthz(), {
    onSuccess: () => HealthCheck.ok("It answers."),
    onFailure: (error) => failureOf(url, error),
  }),
})

const patience = Duration.seconds(5)

const lookAtIt = "Look at the log of the server and at its database: runlease doctor --database DATABASE."

/** Whether the store of the server answers in time. */
export const store = ({ health }: Api.Client): HealthCheck.HealthCheck => ({
  name: "store",
  examine: Effect.timed(health.readyz()).pipe(
    Effect.map(([took]) =>
      HealthCheck.ok(`The store of the server answers, in ${Phrases.span(Duration.toMillis(took))}.`),
    ),
    Effect.timeoutTo({
      duration: patience,
      onSuccess: (finding) => finding,
      onTimeout: () =>
        HealthCheck.fail(
          `The store of the server does not answer within ${Duration.format(patience)}.`,
          lookAtIt,
        ),
    }),
    Effect.catchAll(({ message }) =>
      Effect.succeed(HealthCheck.fail(`The store of the server does not answer: ${message}.`, lookAtIt)),
    ),
  ),
})
