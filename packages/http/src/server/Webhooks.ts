import { Webhooks } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { Delivery, Endpoint } from "../Wire/Webhook.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"

/** Uses the webhooks of the named project, which must be the caller's. */
const using = <A, E, R>(
  path: { readonly project_reference: string },
  use: (webhooks: Webhooks.Webhooks["Type"], keyId: string) => Effect.Effect<A, E, R>,
) =>
  Effect.flatMap(Caller.project(path.project_reference), ({ keyId, ports }) =>
    use(Context.get(ports, Webhooks.Webhooks), keyId),
  )

export const layer = group("webhooks", (handlers) =>
  handlers
    .handle("create", ({ path, payload }) =>
      using(path, (webhooks, keyId) =>
        webhooks.create({ ...payload, labels: payload.labels ?? undefined, createdBy: keyId }),
      ),
    )
    .handle("list", ({ path, urlParams }) =>
      using(path, (webhooks) =>
        Effect.flatMap(webhooks.list(urlParams), (page) =>
          ListRows.respond(Endpoint, page, identity, ({ id }) => id, { cursor: urlParams.cursor }),
        ),
      ),
    )
    .handle("get", ({ path }) =>
      using(path, ({ get }) => Effect.map(get(path.endpoint_id), (endpoint) => ({ endpoint }))),
    )
    .handle("update", ({ path, payload: { enabled, events, labels, url, ...rest } }) =>
      using(path, ({ update }) =>
        Effect.map(
          update(path.endpoint_id, {
            ...rest,
            ...(url == null ? {} : { url }),
            ...(events == null ? {} : { events }),
            ...(labels === undefined ? {} : { labels: labels ?? {} }),
            ...(enabled == null ? {} : { enabled }),
          }),
          (endpoint) => ({ endpoint }),
        ),
      ),
    )
    .handle("remove", ({ path }) =>
      using(path, ({ remove }) => Effect.as(remove(path.endpoint_id), { deleted: true })),
    )
    .handle("rotate", ({ path, payload }) =>
      using(path, ({ rotate }) =>
        rotate(path.endpoint_id, { expiresInSeconds: payload.expires_in_seconds ?? undefined }),
      ),
    )
    .handle("test", ({ path }) =>
      using(path, ({ test }) => Effect.map(test(path.endpoint_id), (delivery) => ({ delivery }))),
    )
    .handle("retryAll", ({ path, payload }) =>
      using(path, ({ retryAll }) => retryAll(path.endpoint_id, { since: payload.since ?? undefined })),
    )
    .handle("deliveries", ({ path, urlParams: { endpoint_id: endpointId, ...rest } }) =>
      using(path, ({ deliveries }) =>
        Effect.flatMap(deliveries({ ...rest, endpointId }), (page) =>
          ListRows.respond(Delivery, page, identity, ({ id }) => id, { cursor: rest.cursor }),
        ),
      ),
    )
    .handle("retry", ({ path }) =>
      using(path, ({ retry }) => Effect.map(retry(path.delivery_id), (delivery) => ({ delivery }))),
    ),
)
