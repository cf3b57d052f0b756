/**
 * Calls to the outside, which are refused in a rehearsal: by an `HttpClient` of the executor's layer, by `fetch`, and by a port of the control
 * plane that changes something. A refused call never returns, so the code does nothing that it would not do after an answer.
 */
import { Context, Effect, Layer, Predicate, type Scope } from "effect"
import { Claims } from "../ports/Claims.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Conversations } from "../ports/Conversations.js"
import { Leases } from "../ports/Leases.js"
import { Limits } from "../ports/Limits.js"
import { RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import { WorkerRegistry } from "../ports/WorkerRegistry.js"

export interface OutsideCalls {
  /** Records a call, such as `GET https://example.com/orders`. */
  readonly record: (call: string) => void

  /** The calls since the last take. */
  readonly take: () => ReadonlyArray<string>

  /** How many calls were recorded since the last take. */
  readonly count: () => number
}

const make = (): OutsideCalls => {
  let calls: Array<string> = []
  return {
    record: (call) => calls.push(call),
    take: () => {
      const used = calls
      calls = []
      return used
    },
    count: () => calls.length,
  }
}

/** A URL without what may be secret: user, password, query and fragment. */
const shown = (url: string): string => {
  if (!URL.canParse(url)) return url.replace(/[?#].*/s, "")
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

// `HttpClient` of `@effect/platform`, which this package does not depend on: a client is what executes a request, before and after which other
// clients do their own.

const httpClientKey = "@effect/platform/HttpClient"

const isRequest = (value: unknown): value is { readonly method: string; readonly url: string } =>
  Predicate.hasProperty(value, "method") &&
  Predicate.hasProperty(value, "url") &&
  typeof value.method === "string" &&
  typeof value.url === "string"

const refusing = (client: object, { record }: OutsideCalls): unknown => {
  const refuse = (request: unknown): Effect.Effect<never> =>
    Effect.suspend(() => {
      record(isRequest(request) ? `${request.method} ${shown(request.url)}` : "HttpClient")
      return Effect.never
    })
  return Object.assign(Object.create(client) as object, {
    execute: refuse,
    preprocess: Effect.succeed,
    postprocess: (request: Effect.Effect<unknown>) => Effect.flatMap(request, refuse),
  })
}

const replaceIn = <A>(context: Context.Context<A>, calls: OutsideCalls): Context.Context<A> => {
  const client: unknown = context.unsafeMap.get(httpClientKey)
  return Predicate.isObject(client)
    ? Context.add(
        context,
        Context.GenericTag<never, unknown>(httpClientKey),
        refusing(client as object, calls),
      )
    : context
}

/** What a `MemoMap` of Effect does, which its type hides. */
interface Memoizing {
  readonly getOrElseMemoize: (
    layer: unknown,
    scope: Scope.Scope,
  ) => Effect.Effect<Context.Context<never>, never>
}

/** Builds a layer, in which each `HttpClient` that a layer provides refuses its requests: also one that another service of it keeps. */
export const build = <A, E>(
  layer: Layer.Layer<A, E>,
  calls: OutsideCalls,
): Effect.Effect<Context.Context<A>, E, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const memoMap = yield* Layer.makeMemoMap
    // The map builds the layers of a layer by itself, so the clients of those are replaced too.
    const memoizing = memoMap as unknown as Memoizing
    const replacing = Object.assign(Object.create(memoMap) as Layer.MemoMap & Memoizing, {
      getOrElseMemoize: (one: unknown, of: Scope.Scope): ReturnType<Memoizing["getOrElseMemoize"]> =>
        Effect.map(memoizing.getOrElseMemoize.call(replacing, one, of), (context) =>
          replaceIn(context, calls),
        ),
    })
    return yield* Layer.buildWithMemoMap(layer, replacing, scope)
  })

const urlOf = (input: Parameters<typeof fetch>[0]): string =>
  typeof input === "string" ? input : input instanceof URL ? input.href : input.url

/** Refuses `fetch` in this process until the Scope closes. */
export const refuseFetch: Effect.Effect<OutsideCalls, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const calls = make()
      const before = globalThis.fetch
      globalThis.fetch = (input, init) => {
        const method = init?.method ?? (input instanceof Request ? input.method : "GET")
        calls.record(`${method.toUpperCase()} ${shown(urlOf(input))}`)
        return new Promise(() => {})
      }
      return { before, calls }
    }),
    ({ before }) => Effect.sync(() => (globalThis.fetch = before)),
  ),
  ({ calls }) => calls,
)

/** What a port has besides reads is refused. */
const readOnly = <Port extends object>(
  name: string,
  port: Port,
  reads: ReadonlyArray<keyof Port>,
  { record }: OutsideCalls,
): Port =>
  Object.fromEntries(
    Object.entries(port).map(([method, call]) => {
      if (reads.includes(method as keyof Port)) return [method, call]
      const refused = Effect.suspend(() => {
        record(`${name}.${method}`)
        return Effect.never
      })
      return [method, Predicate.isFunction(call) ? () => refused : refused]
    }),
  ) as Port

/** The ports of a project, which read and change nothing. */
export const readOnlyPorts = (
  ports: Context.Context<ProjectPorts>,
  calls: OutsideCalls,
): Context.Context<ProjectPorts> =>
  Context.make(Claims, readOnly("Claims", Context.get(ports, Claims), [], calls)).pipe(
    Context.add(
      Conversations,
      readOnly("Conversations", Context.get(ports, Conversations), ["get", "list", "messages"], calls),
    ),
    Context.add(Leases, readOnly("Leases", Context.get(ports, Leases), [], calls)),
    Context.add(Limits, readOnly("Limits", Context.get(ports, Limits), ["get", "list"], calls)),
    Context.add(RunLog, readOnly("RunLog", Context.get(ports, RunLog), ["read", "follow", "reader"], calls)),
    Context.add(
      Runs,
      readOnly("Runs", Context.get(ports, Runs), ["get", "snapshot", "list", "inputs"], calls),
    ),
    Context.add(
      WorkerRegistry,
      readOnly("WorkerRegistry", Context.get(ports, WorkerRegistry), ["list"], calls),
    ),
  )
