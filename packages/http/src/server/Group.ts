/** The handlers of a group of endpoints. They fail with errors of the ports; here each such error becomes its refusal. */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Chunk, Effect } from "effect"
import { Api } from "../Api.js"
import type * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"

type PartsOf<Of> =
  Of extends HttpApi.HttpApi<infer Id, infer Groups, infer E, infer R>
    ? { readonly id: Id; readonly groups: Groups; readonly error: E; readonly context: R }
    : never

type Parts = PartsOf<typeof Api>

type Failure = Verdicts.PortError | Refusal.Refusal

type Widened<Of> =
  Of extends HttpApiBuilder.Handlers<infer E, infer Provides, infer R, infer Endpoints>
    ? HttpApiBuilder.Handlers<E | Failure, Provides, R, Endpoints>
    : never

type HandlersOf<Name extends HttpApiGroup.HttpApiGroup.Name<Parts["groups"]>> =
  HttpApiBuilder.Handlers.FromGroup<
    Parts["error"],
    Parts["context"],
    HttpApiGroup.HttpApiGroup.WithName<Parts["groups"], Name>
  >

type Failing = HttpApiBuilder.Handlers<Failure, never, never>

const refusing = (handlers: Failing): Failing =>
  Object.assign(Object.create(Object.getPrototypeOf(handlers)), handlers, {
    handlers: Chunk.map(handlers.handlers, (item) => ({
      ...item,
      handler: (request: never) =>
        Effect.mapError(item.handler(request) as Effect.Effect<unknown, Failure>, Verdicts.encode),
    })),
  })

/** As `HttpApiBuilder.group` of the API, where a handler may fail with any error of a port. */
export const group = <const Name extends HttpApiGroup.HttpApiGroup.Name<Parts["groups"]>, Return>(
  name: Name,
  build: (handlers: Widened<HandlersOf<Name>>) => HttpApiBuilder.Handlers.ValidateReturn<Return>,
) =>
  HttpApiBuilder.group<Parts["id"], Parts["groups"], Parts["error"], Parts["context"], Name, Return>(
    Api,
    name,
    (handlers) => {
      const built: unknown = build(handlers as never)
      return (
        Effect.isEffect(built)
          ? Effect.map(built as Effect.Effect<never>, refusing)
          : refusing(built as never)
      ) as never
    },
  )
