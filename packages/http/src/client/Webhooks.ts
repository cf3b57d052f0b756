import type { Webhooks } from "@runlease/core"
import { type Context, Effect, Schema, Struct } from "effect"
import * as Api from "../Api/Webhooks.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

const ofEndpoint = (endpointId: string) => ({ path: { endpoint_id: endpointId } }) as const

export const make: Effect.Effect<Context.Tag.Service<Webhooks.Webhooks>, never, Transport> = Effect.gen(
  function* () {
    const { call } = yield* Endpoints.of("Webhooks", Api.group)

    return {
      create: (endpoint) =>
        call("create", { body: Struct.omit(endpoint, "createdBy") }, [
          "InvalidEndpoint",
          "SecretsUnavailable",
        ]),

      get: (endpointId) =>
        Effect.map(
          call("get", ofEndpoint(endpointId), ["EndpointNotFound"], { endpointId }),
          ({ endpoint }) => endpoint,
        ),

      list: Effect.fnUntraced(function* (options) {
        const { data, page_info } = yield* call("list", { query: { ...options } }, ["InvalidCursor"], {
          cursor: options?.cursor,
        })
        return { items: data, next: page_info.next }
      }),

      update: (endpointId, changes) =>
        Effect.map(
          call(
            "update",
            { ...ofEndpoint(endpointId), body: changes },
            ["EndpointNotFound", "InvalidEndpoint"],
            { endpointId },
          ),
          ({ endpoint }) => endpoint,
        ),

      remove: (endpointId) =>
        Effect.asVoid(
          call("remove", { ...ofEndpoint(endpointId), success: Schema.Unknown }, ["EndpointNotFound"], {
            endpointId,
          }),
        ),

      rotate: (endpointId, options) =>
        call(
          "rotate",
          { ...ofEndpoint(endpointId), body: { expires_in_seconds: options?.expiresInSeconds } },
          ["EndpointNotFound", "InvalidEndpoint", "SecretsUnavailable"],
          { endpointId },
        ),

      test: (endpointId) =>
        Effect.map(
          call("test", ofEndpoint(endpointId), ["EndpointNotFound"], { endpointId }),
          ({ delivery }) => delivery,
        ),

      deliveries: Effect.fnUntraced(function* (options) {
        const { endpointId, ...rest } = options ?? {}
        const { data, page_info } = yield* call(
          "deliveries",
          { query: { ...rest, endpoint_id: endpointId } },
          ["InvalidCursor"],
          { cursor: options?.cursor },
        )
        return { items: data, next: page_info.next }
      }),

      retry: (deliveryId) =>
        Effect.map(
          call("retry", { path: { delivery_id: deliveryId } }, ["DeliveryNotFound"], { deliveryId }),
          ({ delivery }) => delivery,
        ),

      retryAll: (endpointId, options) =>
        call(
          "retryAll",
          { ...ofEndpoint(endpointId), body: { since: options?.since } },
          ["EndpointNotFound"],
          {
            endpointId,
          },
        ),
    }
  },
)
