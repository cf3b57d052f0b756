/**
 * How many bytes the bodies of all requests may take at once, and those of one caller and one project: what is read of them, and
 * what is parsed from it.
 *
 * Source: docs/decisions/0017-bounds-in-bytes.md
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect, Layer, type Scope } from "effect"
import type { Share } from "../contract/Principal.js"

/** Bytes for all callers when the server says nothing. */
export const defaultTotal = 256 * 1024 * 1024

/**
 * The holder of bytes: a request of a caller.
 *
 * @since 0.1.0
 * @category models
 */
export interface Taker {
  readonly shares: ReadonlyArray<Share>
  readonly request: HttpServerRequest.HttpServerRequest
}

export class BodyBudget extends Context.Tag("@runlease/http/server/BodyBudget")<
  BodyBudget,
  {
    /** The bytes that a caller with these shares may take. */
    readonly most: (shares: ReadonlyArray<Share>) => number

    /** Takes so many more bytes for the request, or none and says no. */
    readonly take: (taker: Taker, bytes: number) => boolean

    /** Takes so many bytes for as long as the Scope is open, or none and says no: for what answers a caller. */
    readonly hold: (shares: ReadonlyArray<Share>, bytes: number) => Effect.Effect<boolean, never, Scope.Scope>

    /** Gives back all that the request took. */
    readonly release: (request: HttpServerRequest.HttpServerRequest) => void
  }
>() {}

/** Routing may replace the request around its source, so the source identifies it. */
export const sourceOf = ({ source }: HttpServerRequest.HttpServerRequest): object => source as object

/** A budget of `total` bytes. */
export const make = (total: number): BodyBudget["Type"] => {
  const whole: Share = { name: "all", part: 1 }
  const taken = new Map<string, number>()
  const byHolder = new Map<object, { readonly shares: ReadonlyArray<Share>; bytes: number }>()

  const bytesOf = ({ part }: Share): number => Math.floor(total * part)

  const add = (shares: ReadonlyArray<Share>, bytes: number): void => {
    for (const { name } of [...shares, whole]) {
      const sum = (taken.get(name) ?? 0) + bytes
      if (sum > 0) taken.set(name, sum)
      else taken.delete(name)
    }
  }

  const take = (holder: object, shares: ReadonlyArray<Share>, bytes: number): boolean => {
    const hasRoom = [...shares, whole].every(
      (share) => (taken.get(share.name) ?? 0) + bytes <= bytesOf(share),
    )
    if (!hasRoom) return false
    const entry = byHolder.get(holder)
    if (entry === undefined) byHolder.set(holder, { shares, bytes })
    else entry.bytes += bytes
    add(shares, bytes)
    return true
  }

  const release = (holder: object): void => {
    const entry = byHolder.get(holder)
    if (entry === undefined) return
    byHolder.delete(holder)
    add(entry.shares, -entry.bytes)
  }

  return {
    most: (shares) => Math.min(total, ...shares.map(bytesOf)),
    take: ({ request, shares }, bytes) => take(sourceOf(request), shares, bytes),
    release: (request) => release(sourceOf(request)),

    hold: (shares, bytes) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const holder = {}
            return { holder, isTaken: take(holder, shares, bytes) }
          }),
          ({ holder }) => Effect.sync(() => release(holder)),
        ),
        ({ isTaken }) => isTaken,
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
