/**
 * The routes that workers call all the time, answered before the router.
 *
 * The method, the address and the headers of a usual request are checked in plain code, its body by the decoder of its schema, and its
 * handler is the one that its endpoint has. The router has every other request.
 *
 * Source: docs/decisions/0049-hot-routes.md
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Ids } from "@runlease/core"
import { Context, Effect, type Scope } from "effect"
import { Body } from "../Api/Exchange.js"
import { RenewManyOptions } from "../Api/Workers.js"
import { CurrentPrincipal, sharesOf } from "../contract/Principal.js"
import type { Refusal } from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Decoder from "../Wire/Decoder.js"
import { Callers } from "./Callers.js"

import { ProjectPortsCache } from "./ProjectPorts.js"
import { Bodies } from "./Bodies.js"
import * as Middleware from "./Middleware.js"
import * as Workers from "./Workers.js"

/** Whether there are hot routes. Tests of the router turn them off. */
export class Direct extends Context.Reference<Direct>()("@runlease/http/server/Direct", {
  defaultValue: () => true,
}) {}

/** The answer to a body; undefined for one that the router must see. */
type Handler = (
  workerId: Ids.WorkerId,
  body: unknown,
) => Effect.Effect<unknown, Refusal, CurrentPrincipal | ProjectPortsCache> | undefined

const readExchange = Decoder.compiledOf(Body)

const readRenewal = Decoder.compiledOf(RenewManyOptions)

const handlers: ReadonlyMap<string | undefined, Handler> = new Map<string, Handler>([
  [
    "exchange",
    (workerId, body) => {
      const read = readExchange(body)
      return read && Workers.exchange(workerId, read.operations)
    },
  ],
  [
    "leases",
    (workerId, body) => {
      const read = readRenewal(body)
      return read && Effect.mapError(Workers.renewMany(workerId, read), Verdicts.encode)
    },
  ],
])

const address =
  /^\/agent-workers\/workers\/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\/(exchange|leases)$/

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/**
 * Answers the hot routes in front of an app. What a request has paid and sent by the time that it reaches the app, its
 * rate and its body, is not paid or read again there.
 */
export const inFront = Effect.gen(function* () {
  const direct = yield* Direct
  const callers = yield* Callers
  const bodies = yield* Bodies
  const ports = yield* Effect.context<ProjectPortsCache>()

  return <E, R>(app: App<E, R>): App<E | Refusal, R | HttpServerRequest.HttpServerRequest | Scope.Scope> => {
    const answer = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      workerId: Ids.WorkerId,
      name: string,
      handler: Handler,
    ) {
      Middleware.nameRoute(yield* Effect.context<never>(), `/agent-workers/workers/:worker_id/${name}`)
      const principal = yield* callers.of(request)
      const text = yield* bodies.text(request, sharesOf(principal))
      const handled = handler(workerId, parse(text))
      if (handled === undefined) {
        bodies.giveBack(request, text)
        return yield* app
      }
      const body = yield* Effect.provide(handled, Context.add(ports, CurrentPrincipal, principal))
      return HttpServerResponse.unsafeJson(body)
    }, Effect.interruptible)

    return Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      (request): App<E | Refusal, R | Scope.Scope> => {
        if (!direct || request.method !== "POST") return app
        const [, workerId, name] = address.exec(request.url) ?? []
        const handler = handlers.get(name)
        if (workerId === undefined || name === undefined || handler === undefined || !bodies.isUsual(request))
          return app
        return answer(request, Ids.WorkerId.make(workerId, { disableValidation: true }), name, handler)
      },
    )
  }
})
