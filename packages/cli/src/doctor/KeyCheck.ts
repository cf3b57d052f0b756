/**
 * Whether the server takes the API key, and the key may see the project.
 */
import { HealthCheck } from "@runlease/core"
import type * as Api from "@runlease/http/Api"
import * as Refusal from "@runlease/http/Refusal"
import { Effect } from "effect"

const failureOf = (error: Refusal.Refusal, project: string): HealthCheck.Finding =>
  error.httpStatus === 401
    ? HealthCheck.fail(
        `The server refuses the API key: ${error.message}`,
        "Check RUNLEASE_API_KEY; an admin key lists keys with: runlease keys list.",
      )
    : HealthCheck.fail(
        `The API key may not look at project ${project}: ${error.message}`,
        "Check --project or RUNLEASE_PROJECT, or use a key of that project.",
      )

/** Its replacement where there is no key. */
export const absent: HealthCheck.Report = {
  check: "key",
  ...HealthCheck.warn(
    "The API key is missing, so workers and runs were not checked.",
    "Set RUNLEASE_API_KEY, or api_key in runlease.json.",
  ),
}

export const check = (client: Api.Client, project: string): HealthCheck.HealthCheck => ({
  name: "key",
  examine: Effect.gen(function* () {
    const { key } = yield* client.session.session()
    yield* client.observe.statistics({ path: { project_reference: project }, urlParams: { last: 1 } })
    return HealthCheck.ok(
      `The server takes the API key ${JSON.stringify(key.name)}, which may look at project ${project}.`,
    )
  }).pipe(
    Effect.catchIf(
      (error) => error instanceof Refusal.Refusal,
      (error) => Effect.succeed(failureOf(error, project)),
    ),
  ),
})
