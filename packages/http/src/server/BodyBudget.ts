/**
 * How many bytes the bodies of all requests may take at once, and those of one caller: what is read of them, and what is
 * parsed from it.
 *
 * Source: docs/decisions/0017-bounds-in-bytes.md
 *
 * @since 0.1.0
 */
import { HttpServerRequest, type HttpServerResponse } from "@effect/platform"
import { Context, Effect, Layer, type Scope } from "effect"

/** Bytes for all callers when the server says nothing. */
export const defaultTotal = 256 * 1024 * 1024

/** The part of all bytes that one caller may take. */
const callers = 4

/**
 * The holder of bytes: a request of a caller.
 *
 * @since 0.1.0
 * @category models
 */
export interface Taker {
  readonly caller: string
  readonly request: HttpServerRequest.HttpServerRequest
}

export class BodyBudget extends Context.Tag("@runlease/http/server/BodyBudget")<
  BodyBudget,
  {
    /** Bytes of one caller. */
    readonly share: number

    /** Takes so many more bytes for the request, or none and says no. */
    readonly take: (taker: Taker, bytes: number) => boolean

    /** Takes so many bytes for as long as the Scope is open, or none and says no: for what answers a caller. */
    readonly hold: (caller: string, bytes: number) => Effect.Effect<boolean, never, Scope.Scope>

    /** Gives back all that the request took. */
    readonly release: (request: HttpServerRequest.HttpServerRequest) => void
  }
>() {}

/** Routing may replace the request around its source, so the source identifies it. */
export const sourceOf = ({ source }: HttpServerRequest.HttpServerRequest): object => source as object

/** A budget of `total` bytes. */
export const make = (total: number): BodyBudget["Type"] => {
  const share = Math.floor(total / callers)
  const byCaller = new Map<string, number>()
  const byHolder = new Map<object, { readonly caller: string; bytes: number }>()
  let all = 0

  const take = (holder: object, caller: string, bytes: number): boolean => {
    const own = byCaller.get(caller) ?? 0
    if (own + bytes > share || all + bytes > total) return false
    const entry = byHolder.get(holder)
    if (entry === undefined) byHolder.set(holder, { caller, bytes })
    else entry.bytes += bytes
    byCaller.set(caller, own + bytes)
    all += bytes
    return true
  }

  const release = (holder: object): void => {
    const entry = byHolder.get(holder)
    if (entry === undefined) return
    byHolder.delete(holder)
    all -= entry.bytes
    const left = byCaller.get(entry.caller)! - entry.bytes
    if (left > 0) byCaller.set(entry.caller, left)
    else byCaller.delete(entry.caller)
  }

  return {
    share,
    take: ({ caller, request }, bytes) => take(sourceOf(request), caller, bytes),
    release: (request) => release(sourceOf(request)),

    hold: (caller, bytes) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const holder = {}
            return { holder, taken: take(holder, caller, bytes) }
          }),
          ({ holder }) => Effect.sync(() => release(holder)),
        ),
        ({ taken }) => taken,
      ),
  }
}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (total: number): Layer.Layer<BodyBudget> => Layer.sync(BodyBudget, () => make(total))

/** Gives back what a request took once its handler is done: a stream that answers it holds no body. */
export const releaseAfter = Effect.map(
  BodyBudget,
  (budget) =>
    <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.ensuring(
          app,
          Effect.sync(() => budget.release(request)),
        ),
      ),
)
