/**
 * Where the API of a provider is, and the key for it.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { BoundedFetch, SameOriginFetch } from "@runlease/core/executor"
import { Config, ConfigError, Effect, Layer, Option, type Redacted } from "effect"

/** The client of HTTP. Its answers are bounded, and it follows no redirect to another origin, which would get the key of a provider. */
export const http = Layer.provide(
  FetchHttpClient.layer,
  Layer.sync(FetchHttpClient.Fetch, () => BoundedFetch.make(SameOriginFetch.make())),
)

/** The URL of the API and its key. The key is optional when a URL is configured. */
export const of = (prefix: "OPENAI" | "ANTHROPIC", baseUrl: string | undefined) =>
  Effect.gen(function* () {
    const configured = yield* Config.option(Config.string(`${prefix}_BASE_URL`))
    const apiUrl = (baseUrl ?? Option.getOrUndefined(configured))?.replace(/\/+$/, "")
    const name = `${prefix}_API_KEY`
    const apiKey: Redacted.Redacted | undefined = Option.getOrUndefined(
      yield* Config.option(Config.redacted(name)),
    )
    if (apiKey === undefined && apiUrl === undefined) {
      return yield* Effect.fail(
        ConfigError.MissingData([name], `set it, or ${prefix}_BASE_URL for a server that needs no key`),
      )
    }
    return { apiKey, apiUrl }
  })
