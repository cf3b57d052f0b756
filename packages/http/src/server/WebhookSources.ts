/**
 * Webhook sources, and what they post.
 *
 * Source: docs/decisions/0151-webhooks-in.md
 */
import { ControlPlane, WebhookSources } from "@runlease/core"
import { Context, Effect, identity, Layer, Option } from "effect"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Source } from "../Wire/WebhookSource.js"
import { AgentForms } from "./AgentForms.js"
import * as Caller from "./Caller.js"
import { makeUnknownCallers } from "./Callers.js"
import { group } from "./Group.js"
import * as LazyModule from "./LazyModule.js"
import * as ListRows from "./ListRows.js"
import { ProjectPortsCache } from "./ProjectPorts.js"
import * as RawRequest from "./RawRequest.js"

/** Uses the sources of the named project, which must be the caller's. */
const using = <A, E, R>(
  path: { readonly project_reference: string },
  use: (sources: WebhookSources.WebhookSources["Type"], keyId: string) => Effect.Effect<A, E, R>,
) =>
  Effect.flatMap(Caller.project(path.project_reference), ({ keyId, ports }) =>
    use(Context.get(ports, WebhookSources.WebhookSources), keyId),
  )

const sourcesLayer = group("webhookSources", (handlers) =>
  handlers
    .handle("defineSource", ({ path, payload: { secret, ...definition } }) =>
      using(path, ({ define }, keyId) =>
        define(path.source_name, { ...definition, secret: secret ?? undefined, createdBy: keyId }),
      ),
    )
    .handle("list", ({ path, urlParams }) =>
      using(path, ({ list }) =>
        Effect.flatMap(list(urlParams), (page) =>
          ListRows.respond(Source, page, identity, ({ name }) => name, { cursor: urlParams.cursor }),
        ),
      ),
    )
    .handle("get", ({ path }) =>
      using(path, ({ get }) => Effect.map(get(path.source_name), (source) => ({ source }))),
    )
    .handle("remove", ({ path }) =>
      using(path, ({ remove }) => Effect.as(remove(path.source_name), { deleted: true })),
    )
    .handle("rotateSource", ({ path, payload }) =>
      using(path, ({ rotate }) =>
        rotate(path.source_name, {
          secret: payload.secret ?? undefined,
          expiresInSeconds: payload.expires_in_seconds ?? undefined,
        }),
      ),
    ),
)

const receiving = LazyModule.of(() => import("./ReceiveWebhook.js"))

const messagesLayer = group("hooks", (handlers) =>
  Effect.gen(function* () {
    const { openSource } = yield* ControlPlane.ControlPlane
    const forms = yield* AgentForms
    const projects = yield* ProjectPortsCache
    const unknownCallers = yield* makeUnknownCallers

    return handlers.handleRaw("receive", ({ path, request }) =>
      Effect.gen(function* () {
        const { source_name: name, project_id: projectId } = path
        const body = yield* RawRequest.text
        const { forged, submit, verify } = yield* receiving
        let refused = Refusal.unauthorized("No source has signed the message")
        const look = openSource(projectId, name).pipe(
          Effect.catchTag("SourceNotFound", () => forged),
          Effect.mapError((error) => Verdicts.encode(error)),
          Effect.bind("message", ({ secrets, source }) =>
            verify(source.scheme, secrets, request.headers, body),
          ),
          Effect.asSome,
          // A sender without a valid signature is an unknown caller.
          Effect.catchIf(
            ({ httpStatus }) => httpStatus === 401,
            (refusal) => {
              refused = refusal
              return Effect.succeedNone
            },
          ),
        )
        const found = yield* unknownCallers.limit(request, `${projectId}/${name}`, look)
        if (Option.isNone(found)) return yield* refused
        const { message, source } = found.value
        return yield* submit(source, message, { forms, ports: projects.ports(projectId) })
      }),
    )
  }),
)

export const layer = Layer.mergeAll(sourcesLayer, messagesLayer)
