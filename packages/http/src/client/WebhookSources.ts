import type { WebhookSources } from "@runlease/core"
import { type Context, Effect, Schema, Struct } from "effect"
import * as Api from "../Api/WebhookSources.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

const ofSource = (name: string) => ({ path: { source_name: name } }) as const

export const make: Effect.Effect<
  Context.Tag.Service<WebhookSources.WebhookSources>,
  never,
  Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("WebhookSources", Api.group)

  return {
    define: (name, definition) =>
      call("defineSource", { ...ofSource(name), body: Struct.omit(definition, "createdBy") }, [
        "InvalidSource",
        "SecretsUnavailable",
      ]),

    get: (name) =>
      Effect.map(
        call("get", ofSource(name), ["SourceNotFound"], { sourceName: name }),
        ({ source }) => source,
      ),

    list: Effect.fnUntraced(function* (options) {
      const { data, page_info } = yield* call("list", { query: { ...options } }, ["InvalidCursor"], {
        cursor: options?.cursor,
      })
      return { items: data, next: page_info.next }
    }),

    remove: (name) =>
      Effect.asVoid(
        call("remove", { ...ofSource(name), success: Schema.Unknown }, ["SourceNotFound"], {
          sourceName: name,
        }),
      ),

    rotate: (name, options) =>
      call(
        "rotateSource",
        {
          ...ofSource(name),
          body: { secret: options?.secret, expires_in_seconds: options?.expiresInSeconds },
        },
        ["SourceNotFound", "InvalidSource", "SecretsUnavailable"],
        { sourceName: name },
      ),
  }
})
