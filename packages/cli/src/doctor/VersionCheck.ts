/**
 * Whether the server is of the version of this program.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { HealthCheck } from "@runlease/core"
import { Effect, Schema } from "effect"
import { version } from "../help/Overview.js"

const Description = Schema.Struct({ info: Schema.Struct({ version: Schema.String }) })

export const check = (http: HttpClient.HttpClient, url: string): HealthCheck.HealthCheck => ({
  name: "version",
  examine: http.get(new URL("/openapi.json", url)).pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Description)),
    Effect.map(({ info }) =>
      info.version === version
        ? HealthCheck.ok(`The server is of version ${info.version}, as this program.`)
        : HealthCheck.warn(
            `The server is of version ${info.version}, and this program of version ${version}.`,
            "Use one version; while servers are replaced, replace workers and this program after them.",
          ),
    ),
  ),
})
