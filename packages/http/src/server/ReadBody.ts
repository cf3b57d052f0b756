/**
 * Reads a body within its limits and within the budget of all bodies, before anything parses it.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Context, Duration, Effect, Fiber, Layer, Option, type Scope, Stream } from "effect"
import { JsonBody, maxBytes, maxDepth } from "../contract/Body.js"
import { CurrentPrincipal, type Share, sharesOf, unknownShare } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { BodyBudget, sourceOf, type Taker } from "./BodyBudget.js"
import {
  notJson,
  notWhole,
  tooDeep,
  tooLarge,
  tooManyValues,
  tooMuchAtOnce,
  tooSlow,
} from "./BodyRefusals.js"
import * as JsonMeasure from "./JsonMeasure.js"
import * as NodeBody from "./NodeBody.js"

/**
 * Where reading a body of unannounced length stops. What is refused is read on until there and dropped, since to stop
 * reading breaks the connection before the client sees the refusal.
 */
const maxUnannounced = 4 * maxBytes

/**
 * Bodies up to this size are not counted, so that no large body holds up a heartbeat, a renewal or a claim. Their number
 * is that of the connections.
 */
const uncountedBytes = 16 * 1024

/** Bytes. The buffer for a body without a length starts at this size and doubles. */
const firstBytes = 64 * 1024

const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^\s*application\/([a-z0-9.-]+\+)?json\s*(;|$)/i.test(contentType)

/**
 * The request with the type of plain JSON, where it has another type of JSON. The API's decoder reads the bytes of such a
 * body, which are gone by then.
 */
const asPlainJson = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest =>
  request.headers["content-type"]?.toLowerCase().includes("application/json") === false
    ? Object.create(request, {
        headers: { value: Headers.set(request.headers, "content-type", "application/json") },
      })
    : request

// A network does not wait for anybody's Clock: this one is always real.
const networkClock = Clock.make()

/** Reads in a fiber of the request. To stop reading breaks the connection, so the refusal is sent first. */
const inTime = <A, E, R>(reading: Effect.Effect<A, E, R>, within: Duration.Duration) =>
  Effect.flatMap(Effect.forkScoped(reading), Fiber.join).pipe(
    Effect.timeoutFail({ duration: within, onTimeout: () => tooSlow(within) }),
    Effect.withClock(networkClock),
  )

/** Holds a body while it is read, in one piece: many tiny chunks take no more memory than a large one. */
const makeBuffer = (length: number, take: (bytes: number) => boolean) => {
  let buffer = new Uint8Array(length)
  let size = 0

  /** Doubles the buffer if the chunk does not fit, as far as the budget allows. */
  const grow = (needed: number): Refusal.Refusal | undefined => {
    if (needed <= buffer.length) return undefined
    if (needed > maxBytes) return tooLarge
    const room = Math.min(maxBytes, Math.max(firstBytes, 2 * buffer.length, needed))
    if (!take(room - buffer.length)) return tooMuchAtOnce
    const before = buffer
    buffer = new Uint8Array(room)
    buffer.set(before.subarray(0, size))
    return undefined
  }

  return {
    /** Adds a chunk, or returns the refusal. */
    add: (chunk: Uint8Array): Refusal.Refusal | undefined => {
      const refusal = grow(size + chunk.length)
      if (refusal !== undefined) return refusal
      buffer.set(chunk, size)
      size += chunk.length
      return undefined
    },
    clear: (): void => {
      buffer = new Uint8Array(0)
      size = 0
    },
    text: (): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(buffer.subarray(0, size)),
  }
}

/** Reads the text of a body whose announced `length`, 0 for none, was taken already. */
const readText = (budget: BodyBudget["Type"], taker: Taker, length: number) =>
  Effect.suspend(() => {
    const buffer = makeBuffer(length, (bytes) => budget.take(taker, bytes))
    let seen = 0
    let refusal: Refusal.Refusal | undefined
    return taker.request.stream.pipe(
      Stream.mapError(() => refusal ?? notWhole),
      Stream.runForEach((chunk) => {
        seen += chunk.length
        if (refusal === undefined) {
          refusal = buffer.add(chunk)
          if (refusal === undefined) return Effect.void
          buffer.clear()
          budget.release(taker.request)
        }
        return seen > maxUnannounced ? refusal : Effect.void
      }),
      Effect.flatMap(() => refusal ?? Effect.sync(buffer.text)),
    )
  })

/** The request with the text of its body, which can be taken once: what answers for long does not keep it. */
const withText = (
  request: HttpServerRequest.HttpServerRequest,
  text: string,
): HttpServerRequest.HttpServerRequest => {
  let left = text
  const take = Effect.sync(() => {
    const taken = left
    left = ""
    return taken
  })
  return Object.create(request, { text: { value: take } })
}

/** The text of a body that is not counted. */
const smallText = (reading: Effect.Effect<string, Refusal.Refusal, Scope.Scope>) =>
  Effect.flatMap(reading, (text) =>
    JsonMeasure.parsedBytes(text, maxDepth) === undefined ? Effect.fail(tooDeep) : Effect.succeed(text),
  )

/** The text of a body that is counted: as it is announced, and as its values are once they are parsed. */
const countedText = Effect.fnUntraced(function* (
  budget: BodyBudget["Type"],
  taker: Taker,
  length: number,
  reading: Effect.Effect<string, Refusal.Refusal, Scope.Scope>,
) {
  if (!budget.take(taker, length)) return yield* tooMuchAtOnce
  const text = yield* reading
  const parsedBytes = JsonMeasure.parsedBytes(text, maxDepth)
  if (parsedBytes === undefined) return yield* tooDeep
  const most = budget.most(taker.shares)
  if (text.length + parsedBytes > most) return yield* tooManyValues(most)
  if (!budget.take(taker, parsedBytes)) return yield* tooMuchAtOnce
  return text
})

/** The length that a body announces, where that is all that its headers say of it. */
const announcedLength = ({ headers }: HttpServerRequest.HttpServerRequest): number | undefined => {
  const length = headers["content-length"]
  return headers["transfer-encoding"] === undefined && length !== undefined ? Number(length) : undefined
}

/**
 * What the headers say of a body. `hidden`: nothing, where there may be one. Node.js obeys the header of a length, and then
 * drops it when a thousand others come before it.
 */
const announcementOf = ({
  headers,
  method,
}: HttpServerRequest.HttpServerRequest): "nothing" | "length" | "chunks" | "hidden" => {
  if (headers["transfer-encoding"] !== undefined) return "chunks"
  const length = headers["content-length"]
  if (length !== undefined) return Number(length) === 0 ? "nothing" : "length"
  return bodyless.has(method) ? "nothing" : "hidden"
}

/** Requests whose body nothing reads. */
const bodyless: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

const usualType = /^application\/json(; ?charset=utf-8)?$/i

/**
 * Reads the bodies of requests.
 *
 * @since 0.1.0
 * @category services
 */
export class Bodies extends Context.Tag("@runlease/http/server/Bodies")<
  Bodies,
  {
    /** The request of the context once its body was read; a body that was given back is not read again. */
    readonly read: Effect.Effect<
      HttpServerRequest.HttpServerRequest,
      Refusal.Refusal,
      HttpServerRequest.HttpServerRequest | Scope.Scope
    >

    /** Whether the body is JSON of an announced length within the limits, and nothing has read it. */
    readonly isUsual: (request: HttpServerRequest.HttpServerRequest) => boolean

    /** The text of a usual body, which takes from these shares. */
    readonly text: (
      request: HttpServerRequest.HttpServerRequest,
      shares: ReadonlyArray<Share>,
    ) => Effect.Effect<string, Refusal.Refusal, Scope.Scope>

    /** Gives back the text of a usual body for `read`. */
    readonly giveBack: (request: HttpServerRequest.HttpServerRequest, text: string) => void
  }
>() {}

const make = (budget: BodyBudget["Type"], within: Duration.Duration): Bodies["Type"] => {
  // Routing may replace a request, but not its source.
  const givenBack = new WeakMap<object, HttpServerRequest.HttpServerRequest>()
  const late = tooSlow(within)

  const readNew = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    const announced = announcementOf(request)
    const length = Number(request.headers["content-length"] ?? "0")
    if (announced === "nothing") return request
    // A body whose announced length is too large is not read; the server drains it.
    if (length > maxBytes) return yield* tooLarge
    if (announced !== "hidden" && !isJson(request.headers["content-type"])) return yield* notJson
    if (announced === "length" && length <= uncountedBytes) {
      const reading = inTime(
        Effect.mapError(request.text, () => notWhole),
        within,
      )
      return yield* Effect.as(smallText(reading), asPlainJson(request))
    }
    const principal = yield* Effect.serviceOption(CurrentPrincipal)
    const shares = Option.match(principal, { onNone: () => [unknownShare], onSome: sharesOf })
    const taker = { shares, request }
    const text = yield* countedText(budget, taker, length, inTime(readText(budget, taker, length), within))
    if (text !== "" && !isJson(request.headers["content-type"])) return yield* notJson
    return withText(asPlainJson(request), text)
  })

  return {
    read: Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const whole = givenBack.get(sourceOf(request))
      return whole === undefined ? readNew(request) : Effect.succeed(whole)
    }),

    isUsual: (request) => {
      const length = announcedLength(request)
      return (
        length !== undefined &&
        length > 0 &&
        length <= maxBytes &&
        usualType.test(request.headers["content-type"] ?? "") &&
        NodeBody.unread(request) !== undefined
      )
    },

    text: (request, shares) =>
      Effect.suspend(() => {
        const length = announcedLength(request) ?? 0
        const source = NodeBody.unread(request)
        const reading =
          source === undefined
            ? Effect.fail(notWhole)
            : NodeBody.text(source, within, { late, broken: notWhole })
        return length <= uncountedBytes
          ? smallText(reading)
          : countedText(budget, { shares, request }, length, reading)
      }),

    giveBack: (request, text) => givenBack.set(sourceOf(request), withText(request, text)),
  }
}

/**
 * Reads bodies that arrive within `within`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (within: Duration.DurationInput): Layer.Layer<Bodies, never, BodyBudget> =>
  Layer.effect(
    Bodies,
    Effect.map(BodyBudget, (budget) => make(budget, Duration.decode(within))),
  )

/** Reads the body of a request before its handler. */
export const middleware: Layer.Layer<JsonBody, never, Bodies> = Layer.effect(
  JsonBody,
  Effect.map(Bodies, ({ read }) => JsonBody.of(read)),
)
