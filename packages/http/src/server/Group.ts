/** The handlers of a group of endpoints. They fail with errors of the ports; here each such error becomes its refusal. */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Chunk, Effect } from "effect"
import { Api } from "../Api.js"
import type * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"

/** What a handler may fail with. */
export type Failure = Verdicts.PortError | Refusal.Refusal

type Widened<Of> =
  Of extends HttpApiBuilder.Handlers<infer E, infer Provides, infer R, infer Endpoints>
    ? HttpApiBuilder.Handlers<E | Failure, Provides, R, Endpoints>
    : never

type Failing = HttpApiBuilder.Handlers<Failure, never, never>

const refusing = (handlers: Failing): Failing =>
  Object.assign(Object.create(Object.getPrototypeOf(handlers)), handlers, {
    handlers: Chunk.map(handlers.handlers, (item) => ({
      ...item,
      handler: (request: never) =>
        Effect.mapError(item.handler(request) as Effect.Effect<unknown, Failure>, Verdicts.encode),
    })),
  })

/** Makes groups of an API as `HttpApiBuilder.group` does, where a handler may fail with any error of a port. */
export const of =
  <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
    api: HttpApi.HttpApi<Id, Groups, E, R>,
  ) =>
  <const Name extends HttpApiGroup.HttpApiGroup.Name<Groups>, Return>(
    name: Name,
    build: (
      handlers: Widened<
        HttpApiBuilder.Handlers.FromGroup<E, R, HttpApiGroup.HttpApiGroup.WithName<Groups, Name>>
      >,
    ) => HttpApiBuilder.Handlers.ValidateReturn<Return>,
  ) =>
    HttpApiBuilder.group<Id, Groups, E, R, Name, Return>(api, name, (handlers) => {
      const built: unknown = build(handlers as never)
      return (
        Effect.isEffect(built)
          ? Effect.map(built as Effect.Effect<never>, refusing)
          : refusing(built as never)
      ) as never
    })

/** A group of the API. */
export const group = of(Api)
