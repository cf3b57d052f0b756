/** Requests of a port, by the endpoints of the Api: their addresses, queries, headers, bodies and answers are those that it declares. */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpMethod from "@effect/platform/HttpMethod"
import type { ControlPlaneError } from "@runlease/core"
import {
  type Brand,
  type Duration,
  Effect,
  Either,
  Option,
  Predicate,
  Record as Records,
  Schema,
} from "effect"
import * as InvalidRequest from "../contract/InvalidRequest.js"
import type * as Refusal from "../contract/Refusal.js"
import type { About, ErrorOf, Tag } from "../contract/Verdict.js"
import * as Verdicts from "../contract/Verdicts.js"
import { type Credential, type Request, Transport } from "./Transport.js"

type AnySchema = Schema.Schema.AnyNoContext

/** An endpoint whose types are not of interest. No schema of the Api needs a service. */
interface AnyEndpoint {
  readonly name: string
  readonly path: string
  readonly method: HttpMethod.HttpMethod
  readonly urlParamsSchema: Option.Option<AnySchema>
  readonly headersSchema: Option.Option<AnySchema>
  readonly payloadSchema: Option.Option<AnySchema>
  readonly successSchema: AnySchema
}

interface Group<E> {
  readonly endpoints: Readonly<Record<string, E>>
}

type Named<E extends HttpApiEndpoint.HttpApiEndpoint.Any, N> = Extract<E, { readonly name: N }>

type Names<E extends HttpApiEndpoint.HttpApiEndpoint.Any> = HttpApiEndpoint.HttpApiEndpoint.Name<E>

/** The project of the client is in its address by itself. */
type Params<E extends HttpApiEndpoint.HttpApiEndpoint.Any> = Exclude<
  keyof HttpApiEndpoint.HttpApiEndpoint.PathParsed<E>,
  "project_reference"
>

type Payload<E> =
  E extends HttpApiEndpoint.HttpApiEndpoint<
    infer _N,
    infer _M,
    infer _P,
    infer _U,
    infer Payload,
    infer _H,
    infer _S,
    infer _E,
    infer _R,
    infer _RE
  >
    ? Payload
    : never

type Headers<E> =
  E extends HttpApiEndpoint.HttpApiEndpoint<
    infer _N,
    infer _M,
    infer _P,
    infer _U,
    infer _B,
    infer Headers,
    infer _S,
    infer _E,
    infer _R,
    infer _RE
  >
    ? Headers
    : never

/** A part of a request that its endpoint does not have, or that may be absent. */
type Part<Name extends string, Value> = [Value] extends [never]
  ? {}
  : {} extends Value
    ? { readonly [N in Name]?: Value | undefined }
    : { readonly [N in Name]: Value }

/** A value whose brands are absent: the schema of the endpoint checks them. */
type Plain<A> =
  A extends Brand.Brand<string | symbol>
    ? Brand.Brand.Unbranded<A>
    : A extends object
      ? { readonly [K in keyof A]: Plain<A[K]> }
      : A

/** What a request to the endpoint has, as core has it. `sent`: a body that is in the form of the wire already. */
type Input<E extends HttpApiEndpoint.HttpApiEndpoint.Any> = Part<
  "path",
  [Params<E>] extends [never] ? never : { readonly [N in Params<E>]: string }
> &
  Part<"query", Plain<HttpApiEndpoint.HttpApiEndpoint.UrlParams<E>>> &
  Part<"headers", Plain<Headers<E>>> &
  (Part<"body", Plain<Payload<E>>> | { readonly sent: unknown })

interface Options<A> {
  /** The port's method, for errors; that of the endpoint's name when absent. */
  readonly operation?: string
  readonly credential?: Partial<Credential>
  /** How long the server may hold the request. */
  readonly wait?: Duration.Duration | undefined
  /** What the port reads of the answer, where other servers answer less than the endpoint. */
  readonly success?: AnySchema & { readonly Type: A }
}

type Answer<E extends HttpApiEndpoint.HttpApiEndpoint.Any> = HttpApiEndpoint.HttpApiEndpoint.Success<E>

export interface Endpoints<E extends HttpApiEndpoint.HttpApiEndpoint.Any> {
  readonly request: <N extends Names<E>, A = Answer<Named<E, N>>>(
    name: N,
    input: Input<Named<E, N>> & Options<A>,
  ) => Effect.Effect<A, Refusal.Refusal | ControlPlaneError.ControlPlaneError>

  /** As `request`. A refusal is one of the `expected` errors, or else a `ControlPlaneError`. */
  readonly call: {
    <N extends Names<E>, A = Answer<Named<E, N>>>(
      name: N,
      input: Input<Named<E, N>> & Options<A>,
    ): Effect.Effect<A, ControlPlaneError.ControlPlaneError>
    <N extends Names<E>, T extends Tag, F = never, A = Answer<Named<E, N>>>(
      name: N,
      input: Input<Named<E, N>> & Options<A>,
      expected: ReadonlyArray<T>,
      about?: About<F>,
    ): Effect.Effect<A, ErrorOf<T> | F | ControlPlaneError.ControlPlaneError>
  }
}

/** The address of an endpoint. The slashes around a part are the address's own, never the part's. */
const addressIn = (path: string, params: Readonly<Record<string, string>>): string =>
  path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""))

/** The address of an endpoint of which a request is made elsewhere. */
export const address = <E extends HttpApiEndpoint.HttpApiEndpoint.Any, N extends Names<E>>(
  group: Group<E>,
  name: N,
  params: { readonly [P in Params<Named<E, N>>]: string },
): string => addressIn((group.endpoints[name] as unknown as AnyEndpoint).path, params)

/** Encoders by their schemas, made at their first use. */
const encoders = new WeakMap<Schema.Schema.Any, (value: unknown) => Either.Either<unknown, Refusal.Refusal>>()

const encoderOf = (schema: AnySchema, onExcessProperty: "ignore" | "preserve") => {
  const before = encoders.get(schema)
  if (before !== undefined) return before
  // A server refuses what it does not know. A field of core that is not on the wire is not sent.
  const encode = Schema.encodeUnknownEither(schema.annotations({ parseOptions: { onExcessProperty } }))
  const encoder = (value: unknown) => Either.mapLeft(encode(value), InvalidRequest.ofParse)
  encoders.set(schema, encoder)
  return encoder
}

/** A part as the wire has it. A value that the wire does not take is refused here as the server would refuse it. */
const encoded = (
  schema: Option.Option<AnySchema>,
  value: unknown,
  onExcessProperty: "ignore" | "preserve" = "ignore",
): Either.Either<unknown, Refusal.Refusal> =>
  value === undefined || Option.isNone(schema)
    ? Either.right(undefined)
    : encoderOf(schema.value, onExcessProperty)(value)

interface Parts {
  readonly path?: Readonly<Record<string, string>>
  readonly query?: unknown
  readonly headers?: unknown
  readonly body?: unknown
  readonly sent?: unknown
}

const requestOf = (
  port: string,
  project: string,
  endpoint: AnyEndpoint,
  { body, credential = {}, headers, operation, path, query, sent, success, wait }: Parts & Options<unknown>,
): Either.Either<Request<unknown, unknown>, Refusal.Refusal> =>
  Either.map(
    Either.all({
      // Some conditions have a path in their names, which no schema lists.
      query: encoded(endpoint.urlParamsSchema, query, "preserve"),
      headers: encoded(endpoint.headersSchema, headers),
      body: encoded(endpoint.payloadSchema, body),
    }),
    (parts) => ({
      operation: operation ?? `${port}.${endpoint.name}`,
      method: endpoint.method,
      path: addressIn(endpoint.path, { project_reference: project, ...path }),
      query: parts.query as Request<unknown, unknown>["query"] & {},
      headers: {
        ...credential.headers,
        ...Records.filter(
          (parts.headers ?? {}) as Readonly<Record<string, string | undefined>>,
          Predicate.isString,
        ),
      },
      token: credential.token,
      body: sent ?? parts.body,
      success: success ?? endpoint.successSchema,
      wait,
    }),
  )

/** The requests of a port to the endpoints of a group. */
export const of = <E extends HttpApiEndpoint.HttpApiEndpoint.Any>(
  port: string,
  group: Group<E>,
): Effect.Effect<Endpoints<E>, never, Transport> =>
  Effect.map(Transport, (transport) => {
    const send = (name: string, input: Parts & Options<unknown>) =>
      Effect.suspend(() =>
        Effect.flatMap(
          requestOf(port, transport.project, group.endpoints[name] as unknown as AnyEndpoint, input),
          transport.request,
        ),
      )
    return {
      request: send,
      call: (
        name: string,
        input: Parts & Options<unknown>,
        expected: ReadonlyArray<Tag> = [],
        about: About = {},
      ) =>
        Effect.catchTag(
          send(name, input),
          "Refusal",
          Verdicts.decode(input.operation ?? `${port}.${name}`, expected, about),
        ),
    } as Endpoints<E>
  })
